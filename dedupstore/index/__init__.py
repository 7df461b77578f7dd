"""The index: chunk id → where the chunk is. A cache of the packs' tables, never the truth."""
