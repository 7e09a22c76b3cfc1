"""The interactive voice response (语音导航): what a flow says next, given what the caller did.

A flow is walked by pure functions. A state is plain text and a step is plain data, so the same
flow runs over live audio, over a provider's request and answer, and in a text simulation.
"""
