"""What is wrong with this machine or these settings, and what to do about it: `facts` look, `verdicts` judge."""
