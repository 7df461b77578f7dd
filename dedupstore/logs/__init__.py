"""What is known about logs as such: the names of rotated ones, and the times in their records.

Bytes and values in, values out: no files, no clock.
"""
