"""What pages are built of; each takes a Context and plain values and gives Dash components."""
