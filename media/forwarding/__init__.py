"""From one up track to many down tracks."""
