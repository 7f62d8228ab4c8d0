"""Official grades: SWE-bench's harness, run on what a run of ours predicted."""
