// SPDX-License-Identifier: GPL-2.0
/* address.c - addresses and networks as text, compared, and known for this host's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

#define PORT_MAX	65535

/* An address in the shape that networks have. False where it is of neither family. */
static bool to_network(const struct sockaddr *address, struct network *network)
{
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;

	memset(network, 0, sizeof(*network));
	if (address->sa_family == AF_INET) {
		network->family = AF_INET;
		network->bits = 32;
		memcpy(network->bytes, &four->sin_addr, 4);
	} else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		network->family = AF_INET;
		network->bits = 32;
		memcpy(network->bytes, six->sin6_addr.s6_addr + 12, 4);
	} else if (address->sa_family == AF_INET6) {
		network->family = AF_INET6;
		network->bits = 128;
		memcpy(network->bytes, &six->sin6_addr, 16);
	}
	return network->family;
}

static int parse_number(const char *text, unsigned long most, unsigned long *number)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return errno || *end || *number > most ? -EINVAL : 0;
}

static int parse_host(const char *host, struct sockaddr_storage *address)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found;

	/* What getaddrinfo() takes besides ("1", "0x7f.1") is no address of ours. */
	if (!strchr(host, ':') && inet_pton(AF_INET, host, &(struct in_addr){ 0 }) != 1)
		return -EINVAL;
	if (getaddrinfo(host, NULL, &hints, &found))
		return -EINVAL;
	memset(address, 0, sizeof(*address));
	memcpy(address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

int address_parse(const char *text, uint16_t port, struct sockaddr_storage *address)
{
	char host[ADDRESS_TEXT];
	unsigned long number = port;
	const char *at = text, *end;

	if (text[0] == '[') {
		at = text + 1;
		end = strchr(at, ']');
		if (!end || !memchr(at, ':', end - at))
			return -EINVAL;
	} else {
		end = strchrnul(at, ':');
	}
	if (end - at >= (ptrdiff_t)sizeof(host))
		return -EINVAL;
	memcpy(host, at, end - at);
	host[end - at] = 0;
	if (*end == ']')
		end++;
	if (*end == ':' ? parse_number(end + 1, PORT_MAX, &number) : *end)
		return -EINVAL;
	if (!number || parse_host(host, address))
		return -EINVAL;
	if (address->ss_family == AF_INET)
		((struct sockaddr_in *)address)->sin_port = htons(number);
	else
		((struct sockaddr_in6 *)address)->sin6_port = htons(number);
	return 0;
}

socklen_t address_bytes(const struct sockaddr *address)
{
	return address->sa_family == AF_INET ? sizeof(struct sockaddr_in) :
					       sizeof(struct sockaddr_in6);
}

const char *address_format(const struct sockaddr *address, char text[ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE], port[8];

	if (getnameinfo(address, address_bytes(address), host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(text, ADDRESS_TEXT, "an unknown address");
	else
		snprintf(text, ADDRESS_TEXT, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return text;
}

int network_parse(const char *text, struct network *network)
{
	const char *slash = strchrnul(text, '/');
	struct sockaddr_storage address;
	char host[INET6_ADDRSTRLEN];
	struct network cut;
	unsigned long bits;

	if (slash - text >= (ptrdiff_t)sizeof(host))
		return -EINVAL;
	memcpy(host, text, slash - text);
	host[slash - text] = 0;
	if (strchr(host, '%') || parse_host(host, &address) ||
	    !to_network((struct sockaddr *)&address, network))
		return -EINVAL;
	if (!*slash)
		return 0;
	/* A prefix of a mapped address would be of another length than it says. */
	if (network->family == AF_INET && address.ss_family == AF_INET6)
		return -EINVAL;
	if (parse_number(slash + 1, network->bits, &bits))
		return -EINVAL;
	cut = *network;
	cut.bits = bits;
	memset(cut.bytes + (bits + 7) / 8, 0, sizeof(cut.bytes) - (bits + 7) / 8);
	if (bits % 8)
		cut.bytes[bits / 8] &= 0xff << (8 - bits % 8);
	if (memcmp(cut.bytes, network->bytes, sizeof(cut.bytes)))
		return -ERANGE;
	*network = cut;
	return 0;
}

bool network_has(const struct network *network, const struct sockaddr *address)
{
	unsigned int whole = network->bits / 8, rest = network->bits % 8;
	struct network one;

	if (!to_network(address, &one) || one.family != network->family)
		return false;
	if (memcmp(one.bytes, network->bytes, whole))
		return false;
	return !rest || !((one.bytes[whole] ^ network->bytes[whole]) >> (8 - rest));
}

bool address_is_own(const struct sockaddr *address)
{
	struct ifaddrs *all, *at;
	struct network own;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (at = all; at && !found; at = at->ifa_next)
		found = at->ifa_addr && to_network(at->ifa_addr, &own) &&
			network_has(&own, address);
	freeifaddrs(all);
	return found;
}
