"""What runs say together, without drawing: every function takes what is kept of runs, and gives numbers.

`members` are the results of runs with how far each had come (`reach`), `groups` puts those together that were to reach
the same, `curves` and `frontier` follow metrics over dollars, and `breakdown` says where the money went. `what_if`
restates a run at other prices.
"""
