"""Taking back the room of what no snapshot needs.

`marker` finds out which chunks are needed, `plan` which packs are to go and why, `proof` makes sure
of it by the packs' own tables, `repack` copies what is needed of those, `switch` declares them
dead, `sweep` removes them once nobody can be reading them, and `removal` removes snapshots. `run`
puts these together; its docstring has the order.
"""
