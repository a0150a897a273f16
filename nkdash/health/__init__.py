"""Is NKDash well, who must hear of it when it is not, and what did its runs cost."""
