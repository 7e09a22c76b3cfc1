"""Trying the gateway out on one machine: a sample backend, stand-ins, and simulated citizens."""
