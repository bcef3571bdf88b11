"""The back office: an app's own server orders what happens in its rooms, in the words of the public Live REST API.

`frame` is the HTTP of it, `table` all commands, which are in the files named by their subjects; `bodies` what comes in,
`replies` what goes out, `codes` the refusals of the frame itself, `openapi` the document about all of it. Everybody
outside needs `frame.BackOffice` only.
"""
