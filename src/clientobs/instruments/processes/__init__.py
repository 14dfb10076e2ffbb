"""Processes: every child process from launch to exit, in the trace of the program that started it."""
