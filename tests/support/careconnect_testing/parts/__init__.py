"""The functions over tables in moto, with doubles for their clock, log and quota."""
