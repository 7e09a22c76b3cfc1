"""One call, over whatever network: listened to, spoken with, led through a flow, never lost."""
