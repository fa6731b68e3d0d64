"""The functions over tables in memory or in moto, with doubles for their clock, log and quota."""
