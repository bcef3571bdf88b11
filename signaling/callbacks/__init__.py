"""Callbacks: an app's own server is told what happens in its rooms, and asked before a gift is given or a text is said.

    commands   the names of all callbacks            payloads     their bodies: rooms, members, messages, follows
    config     what an app has set                   battle_book  the bodies about battles
    signing    both signatures                       rtc          the bodies of TRTC's room and media callbacks
    wire       config and callback -> request        replies      what an answer means
    schedule   when a failed one is tried again      lanes        who may go now: in order per room, bounded per app
    guard      which addresses may be called         note         what is kept of an open room, in case we die
    threshold  70 % of the rooms, told once

All of these are pure. At the edge: `store` (SQL, one writer thread), `poster` (HTTP), `outbox` (delivery), `gates`
(blocking questions), `reporter` (events -> callbacks) and `service`, which joins them.
"""
