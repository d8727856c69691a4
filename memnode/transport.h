/* SPDX-License-Identifier: GPL-2.0 */
/*
 * transport.h - what sessions need of the fabric. connection.c and region.c have it of verbs; the
 * unit tests have their own.
 */
#ifndef MEMNODE_TRANSPORT_H
#define MEMNODE_TRANSPORT_H

#include "donor.h"

/** transport_can_send - whether a send buffer is free; session_pump() is called when one is */
bool transport_can_send(const struct session *session);

/** transport_send - a message to the client; only after transport_can_send() */
void transport_send(struct session *session, const union dmem_wire_msg *msg);

/** transport_send_last - likewise, whether a buffer is free or not: one is kept for it */
void transport_send_last(struct session *session, const union dmem_wire_msg *msg);

/** transport_poll - receive what has come and was not seen yet */
void transport_poll(struct session *session);

/** transport_hang_up - close once all has been sent, in a second at most; then session_gone() */
void transport_hang_up(struct session *session);

/** transport_free - the last of the connection; nothing of the session's is registered */
void transport_free(struct session *session);

/** transport_open - get ready for data connections and regions; 0 or -errno */
int transport_open(struct session *session);

/** transport_cut - destroy the data connections, now: nothing of the client's comes any more */
void transport_cut(struct session *session);

/** transport_close - a worker's: undo transport_open(), when no extent is attached */
void transport_close(struct session *session);

/**
 * transport_attach - a worker's: let the session's data connections at an extent
 * @session: whose
 * @extent: its memory region is set
 * @rkey: takes its key
 *
 * Return: 0 or -errno.
 */
int transport_attach(struct session *session, struct extent *extent, uint32_t *rkey);

/** transport_detach - a worker's: undo it; also where it is not attached */
void transport_detach(struct extent *extent);

/** transport_address - where an extent begins for who has its rkey */
uint64_t transport_address(const struct session *session, const struct extent *extent);

/** transport_rkey - of an extent that is attached */
uint32_t transport_rkey(const struct extent *extent);

#endif /* MEMNODE_TRANSPORT_H */
