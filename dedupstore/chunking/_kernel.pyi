from typing_extensions import Buffer

def find_cuts(
    data: Buffer,
    start: int,
    end: int,
    final: bool,
    table: Buffer,
    min_bytes: int,
    target_bytes: int,
    late_bytes: int,
    max_bytes: int,
    line_bound_bytes: int,
    mask_hard: int,
    mask_easy: int,
    implementation: str,
    /,
) -> list[int]: ...
def implementations() -> tuple[str, ...]: ...
