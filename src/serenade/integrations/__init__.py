"""Connect Serenade to frameworks for voice agents: one module for each framework.

The modules import without their framework, which is an extra (`serenade[pipecat]`,
`serenade[livekit]`). Their classes then raise MissingExtraError.
"""
