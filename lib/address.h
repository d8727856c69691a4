/* SPDX-License-Identifier: GPL-2.0 */
/*
 * address.h - addresses as the command line has them, and whom they let in.
 *
 * IPv4, IPv6, and IPv4 mapped into IPv6, which counts as IPv4 throughout.
 */
#ifndef DMEM_ADDRESS_H
#define DMEM_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/** Room for an address with brackets, a scope, a port, and an end. */
#define ADDRESS_TEXT	80

/** struct network - addresses whose first @bits are those of @bytes */
struct network {
	int family;		/* AF_INET or AF_INET6 */
	unsigned int bits;
	uint8_t bytes[16];	/* the rest of them are zeros */
};

/**
 * address_parse - "10.0.0.1:7471", "[fd00::1]:7471", "[fe80::1%eth0]:7471"
 * @text: of it; a name is none
 * @port: where the text has none; 0: the text must have one
 * @address: takes it
 *
 * Return: 0, or -EINVAL.
 */
int address_parse(const char *text, uint16_t port, struct sockaddr_storage *address);

/** address_format - the same text again; returns @text */
const char *address_format(const struct sockaddr *address, char text[ADDRESS_TEXT]);

/** address_bytes - of the kind that bind() and connect() want to know */
socklen_t address_bytes(const struct sockaddr *address);

/**
 * network_parse - "10.1.0.0/16", "fd00::/8", or an address, which is a network of its own
 * @text: of it
 * @network: takes it
 *
 * Return: 0; -EINVAL where it is none; -ERANGE where there are ones after the prefix, which
 * somebody may have meant to be looked at.
 */
int network_parse(const char *text, struct network *network);

/** network_has - whether an address is in it */
bool network_has(const struct network *network, const struct sockaddr *address);

/**
 * address_is_own - whether an address is one of this host's interfaces
 * @address: of whom
 *
 * Looks at them as they are now. False where they cannot be looked at.
 */
bool address_is_own(const struct sockaddr *address);

#endif /* DMEM_ADDRESS_H */
