"""How datagrams come and go: one UDP socket per address, ICE-lite, DTLS, SRTP, batches."""
