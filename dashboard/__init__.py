"""The Dash app: it knows the published warehouse file and nothing else."""
