// SPDX-License-Identifier: GPL-2.0
/*
 * wire.c - user space's end of the donor wire protocol; nettle computes the MACs.
 *
 * Called by dmem-memnode, dmemctl and the tests. No state, no locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/base16.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>

#include "wire.h"

#define KEY_DIGITS	(2 * DMEM_WIRE_KEY_BYTES)

void dmem_wire_begin(union dmem_wire_msg *msg, enum dmem_wire_type type, uint32_t seq)
{
	memset(msg, 0, sizeof(*msg));
	msg->header.magic = htole32(DMEM_WIRE_MAGIC);
	msg->header.version = htole16(DMEM_WIRE_VERSION);
	msg->header.type = htole16(type);
	msg->header.seq = htole32(seq);
}

static void put_reason(char to[DMEM_WIRE_REASON_BYTES], const char *reason)
{
	size_t i;

	for (i = 0; reason[i] && i < DMEM_WIRE_REASON_BYTES - 1; i++)
		to[i] = reason[i] >= ' ' && reason[i] <= '~' ? reason[i] : '?';
	memset(to + i, 0, DMEM_WIRE_REASON_BYTES - i);
	if (!i)
		to[0] = '?';
}

void dmem_wire_refuse(union dmem_wire_msg *msg, const union dmem_wire_msg *request,
		      enum dmem_wire_code code, bool fatal, const char *reason)
{
	uint16_t type = request ? dmem_le16(request->header.type) : 0;
	uint32_t seq = request ? dmem_le32(request->header.seq) : 0;
	uint32_t extent = 0;

	/* The request may be anything: what goes back must pass the other end's checks. */
	if (type >= DMEM_WIRE_TYPES)
		type = 0;
	if (type == DMEM_WIRE_LEASE)
		extent = dmem_le32(request->lease.extent);
	else if (type == DMEM_WIRE_RELEASE)
		extent = dmem_le32(request->release.extent);
	if (extent >= DMEM_WIRE_EXTENTS_MAX)
		extent = 0;
	dmem_wire_begin(msg, DMEM_WIRE_ERROR, seq);
	msg->error.code = htole32(code);
	msg->error.refused = htole16(type);
	msg->error.flags = htole16(fatal || !seq ? DMEM_WIRE_F_FATAL : 0);
	msg->error.extent = htole32(extent);
	put_reason(msg->error.reason, reason);
}

void dmem_wire_begin_reject(struct dmem_wire_reject *reject, enum dmem_wire_code code,
			    const char *reason)
{
	memset(reject, 0, sizeof(*reject));
	reject->magic = htole32(DMEM_WIRE_MAGIC);
	reject->version = htole16(DMEM_WIRE_VERSION);
	reject->code = htole16(code);
	put_reason(reject->reason, reason);
}

const char *dmem_wire_code_name(unsigned int code)
{
	static const char *const names[DMEM_WIRE_CODES] = {
		[DMEM_WIRE_OK] = "ok",
		[DMEM_WIRE_BAD_VERSION] = "bad-version",
		[DMEM_WIRE_MALFORMED] = "malformed",
		[DMEM_WIRE_UNEXPECTED] = "unexpected",
		[DMEM_WIRE_NOT_ALLOWED] = "not-allowed",
		[DMEM_WIRE_KEY_NEEDED] = "key-needed",
		[DMEM_WIRE_BAD_PROOF] = "bad-proof",
		[DMEM_WIRE_REPLAY] = "replay",
		[DMEM_WIRE_BUSY] = "busy",
		[DMEM_WIRE_NO_SESSION] = "no-session",
		[DMEM_WIRE_BAD_DEVICE] = "bad-device",
		[DMEM_WIRE_FULL] = "full",
		[DMEM_WIRE_QUOTA] = "quota",
		[DMEM_WIRE_LOST] = "lost",
		[DMEM_WIRE_DRAINING] = "draining",
		[DMEM_WIRE_NO_MEMORY] = "no-memory",
		[DMEM_WIRE_SUPERSEDED] = "superseded",
		[DMEM_WIRE_LATE] = "late",
		[DMEM_WIRE_INTERNAL] = "internal",
	};

	return code < DMEM_WIRE_CODES ? names[code] : "unknown";
}

void dmem_wire_mac(uint8_t mac[DMEM_WIRE_MAC_BYTES], const uint8_t key[DMEM_WIRE_KEY_BYTES],
		   const char *label, const struct dmem_wire_part *parts, unsigned int nr)
{
	uint8_t padded[DMEM_WIRE_LABEL_BYTES] = { 0 };
	struct hmac_sha256_ctx ctx;
	unsigned int i;

	memcpy(padded, label, strnlen(label, sizeof(padded)));
	hmac_sha256_set_key(&ctx, DMEM_WIRE_KEY_BYTES, key);
	hmac_sha256_update(&ctx, sizeof(padded), padded);
	for (i = 0; i < nr; i++)
		hmac_sha256_update(&ctx, parts[i].len, parts[i].data);
	hmac_sha256_digest(&ctx, DMEM_WIRE_MAC_BYTES, mac);
	explicit_bzero(&ctx, sizeof(ctx));
}

void dmem_wire_mac_hello(uint8_t mac[DMEM_WIRE_MAC_BYTES], const uint8_t key[DMEM_WIRE_KEY_BYTES],
			 const char *label, const struct dmem_wire_handshake *handshake)
{
	const struct dmem_wire_part parts[] = {
		{ &handshake->hello, sizeof(handshake->hello) },
		{ &handshake->challenge, sizeof(handshake->challenge) },
	};

	dmem_wire_mac(mac, key, label, parts, 2);
}

void dmem_wire_mac_accept(uint8_t mac[DMEM_WIRE_MAC_BYTES], const uint8_t key[DMEM_WIRE_KEY_BYTES],
			  const struct dmem_wire_handshake *handshake,
			  const struct dmem_wire_accept *accept)
{
	struct dmem_wire_accept blank = *accept;
	const struct dmem_wire_part parts[] = {
		{ &handshake->hello, sizeof(handshake->hello) },
		{ &handshake->challenge, sizeof(handshake->challenge) },
		{ &handshake->proof, sizeof(handshake->proof) },
		{ &blank, sizeof(blank) },
	};

	memset(blank.proof, 0, sizeof(blank.proof));
	dmem_wire_mac(mac, key, DMEM_WIRE_LABEL_DONOR, parts, 4);
}

void dmem_wire_mac_cm(uint8_t mac[DMEM_WIRE_MAC_BYTES],
		      const uint8_t session_key[DMEM_WIRE_KEY_BYTES], const char *label,
		      const struct dmem_wire_cm *cm)
{
	const struct dmem_wire_part part = { cm, offsetof(struct dmem_wire_cm, proof) };

	dmem_wire_mac(mac, session_key, label, &part, 1);
}

bool dmem_wire_mac_equal(const uint8_t a[DMEM_WIRE_MAC_BYTES],
			 const uint8_t b[DMEM_WIRE_MAC_BYTES])
{
	return memeql_sec(a, b, DMEM_WIRE_MAC_BYTES);
}

static bool parse_key(const char *text, ssize_t len, uint8_t key[DMEM_WIRE_KEY_BYTES])
{
	struct base16_decode_ctx ctx;
	size_t bytes = DMEM_WIRE_KEY_BYTES;
	bool good;

	if (len == KEY_DIGITS + 1 && text[KEY_DIGITS] == '\n')
		len--;
	if (len != KEY_DIGITS)
		return false;
	base16_decode_init(&ctx);
	/* It skips spaces, of which each makes the key too short. */
	good = base16_decode_update(&ctx, &bytes, key, len, text) && bytes == DMEM_WIRE_KEY_BYTES &&
	       base16_decode_final(&ctx);
	explicit_bzero(&ctx, sizeof(ctx));
	/* Zeros stand for no key. */
	return good && !dmem_wire_is_zero(key, DMEM_WIRE_KEY_BYTES);
}

static int read_key(int fd, const char *path, uint8_t key[DMEM_WIRE_KEY_BYTES],
		    struct dmem_error *error)
{
	char text[KEY_DIGITS + 2];
	struct stat st;
	ssize_t len;
	bool good;

	if (fstat(fd, &st))
		return dmem_fail(error, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return dmem_fail(error, EINVAL, "%s: not a regular file", path);
	if (st.st_mode & 077)
		return dmem_fail(error, EPERM, "%s: mode %04o: others than its owner may use it",
				 path, st.st_mode & 07777);
	len = read(fd, text, sizeof(text));
	if (len < 0)
		return dmem_fail(error, errno, "%s: %s", path, strerror(errno));
	good = parse_key(text, len, key);
	explicit_bzero(text, sizeof(text));
	return good ? 0 : dmem_fail(error, EINVAL, "%s: not a key: %d hexadecimal digits, not all 0",
				    path, KEY_DIGITS);
}

int dmem_wire_read_key(const char *path, uint8_t key[DMEM_WIRE_KEY_BYTES],
		       struct dmem_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

	if (fd < 0)
		err = dmem_fail(error, errno, "%s: %s", path, strerror(errno));
	else
		err = read_key(fd, path, key, error);
	if (err)
		memset(key, 0, DMEM_WIRE_KEY_BYTES);
	if (fd >= 0)
		close(fd);
	return err;
}
