"""Time and memory of the steps before training, by size of the log and number of Beam workers."""
