"""When the records of a log were written, by what stands in them (docs/log-times.md).

`line_formats` and `json_lines` are the table of formats, `export_records` the one that is not made
of lines; `recognition` finds the one format of a log, and `cutting` where a log ends at a moment.
"""

from dedupstore.logs.record_time.cutting import Cut, find_cut
from dedupstore.logs.record_time.moments import TimeContext

__all__ = ["Cut", "TimeContext", "find_cut"]
