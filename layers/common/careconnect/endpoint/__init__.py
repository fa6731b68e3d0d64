"""The request pipeline that every function runs, and its composition."""
