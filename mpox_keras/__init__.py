"""mpox-keras."""
