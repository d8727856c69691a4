// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_auth.c - who is at the other end: HELLO, CHALLENGE, PROOF, ACCEPT, and the proofs.
 *
 * Called under donor->mutex. Nothing that a donor says is used before its own proof is right,
 * but for its refusals, which are logged.
 */
#include <crypto/algapi.h>
#include <crypto/hash.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "rdma.h"

static_assert(DMEM_WIRE_KEY_BYTES == DMEM_WIRE_MAC_BYTES);
static_assert(DMEM_WIRE_KEY_BYTES == DMEM_KEY_BYTES);

/* The four messages, as they were sent: proofs are over all of them. */
struct dmem_rdma_greeting {
	union dmem_wire_msg hello;
	union dmem_wire_msg challenge;
	union dmem_wire_msg proof;
	union dmem_wire_msg accept;
};

static struct kvec dmem_rdma_part(void *data, size_t len)
{
	return (struct kvec){ .iov_base = data, .iov_len = len };
}

/**
 * dmem_rdma_mac - HMAC-SHA256 over a label and some bytes
 * @donor: its mutex is held
 * @key: DMEM_WIRE_KEY_BYTES
 * @label: DMEM_WIRE_LABEL_...
 * @parts: the bytes
 * @nr: how many parts
 * @mac: takes DMEM_WIRE_MAC_BYTES
 *
 * Return: 0 or a negative errno.
 */
int dmem_rdma_mac(struct dmem_rdma_donor *donor, const u8 *key, const char *label,
		  const struct kvec *parts, unsigned int nr, u8 *mac)
{
	SHASH_DESC_ON_STACK(desc, donor->hmac);
	u8 padded[DMEM_WIRE_LABEL_BYTES] = {};
	unsigned int i;
	int err;

	strscpy(padded, label, sizeof(padded));
	desc->tfm = donor->hmac;
	err = crypto_shash_setkey(donor->hmac, key, DMEM_WIRE_KEY_BYTES);
	if (!err)
		err = crypto_shash_init(desc);
	if (!err)
		err = crypto_shash_update(desc, padded, sizeof(padded));
	for (i = 0; i < nr && !err; i++)
		err = crypto_shash_update(desc, parts[i].iov_base, parts[i].iov_len);
	if (!err)
		err = crypto_shash_final(desc, mac);
	shash_desc_zero(desc);
	return err;
}

static int dmem_rdma_hello(struct dmem_rdma_donor *donor, struct dmem_rdma_greeting *greeting)
{
	struct dmem_wire_hello *hello = &greeting->hello.hello;
	unsigned int i;

	get_random_bytes(hello->nonce, sizeof(hello->nonce));
	memcpy(hello->client, donor->client, sizeof(hello->client));
	strscpy(hello->name, utsname()->nodename, sizeof(hello->name));
	for (i = 0; hello->name[i]; i++)
		if (hello->name[i] < ' ' || hello->name[i] > '~')
			hello->name[i] = '?';
	hello->flags = cpu_to_le32(donor->rdma->pool->has_key ? DMEM_WIRE_F_KEY : 0);
	hello->data_conns = cpu_to_le16(min_t(unsigned int, num_online_cpus(),
					      DMEM_RDMA_FETCH_CONNS) + DMEM_RDMA_WRITE_CONNS);
	greeting->challenge = greeting->hello;
	return dmem_rdma_call(donor, &greeting->challenge, DMEM_WIRE_HELLO, DMEM_WIRE_CHALLENGE,
			      DMEM_RDMA_STEP_MS);
}

/* dmem_rdma_call() fills in the header of its own copy: what was sent is what is proved. */
static void dmem_rdma_header(union dmem_wire_msg *msg, u16 type, u32 seq)
{
	msg->header.magic = cpu_to_le32(DMEM_WIRE_MAGIC);
	msg->header.version = cpu_to_le16(DMEM_WIRE_VERSION);
	msg->header.type = cpu_to_le16(type);
	msg->header.seq = cpu_to_le32(seq);
}

static int dmem_rdma_prove(struct dmem_rdma_donor *donor, struct dmem_rdma_greeting *greeting)
{
	const struct kvec parts[] = {
		dmem_rdma_part(&greeting->hello, DMEM_WIRE_MSG_BYTES),
		dmem_rdma_part(&greeting->challenge, DMEM_WIRE_MSG_BYTES),
	};
	bool known = le32_to_cpu(greeting->challenge.challenge.flags) & DMEM_WIRE_F_KNOWN;
	struct dmem_wire_proof *proof = &greeting->proof.proof;
	int err;

	err = dmem_rdma_mac(donor, donor->rdma->pool->key, DMEM_WIRE_LABEL_CLIENT, parts, 2,
			    proof->proof);
	if (!err && known)
		err = dmem_rdma_mac(donor, donor->resume_key, DMEM_WIRE_LABEL_RESUME, parts, 2,
				    proof->resume);
	if (err)
		return err;
	dmem_rdma_header(&greeting->proof, DMEM_WIRE_PROOF, donor->control->seq + 1);
	greeting->accept = greeting->proof;
	return dmem_rdma_call(donor, &greeting->accept, DMEM_WIRE_PROOF, DMEM_WIRE_ACCEPT,
			      DMEM_RDMA_STEP_MS);
}

/* Is it the donor that it should be? */
static int dmem_rdma_verify(struct dmem_rdma_donor *donor, struct dmem_rdma_greeting *greeting)
{
	const struct kvec parts[] = {
		dmem_rdma_part(&greeting->hello, DMEM_WIRE_MSG_BYTES),
		dmem_rdma_part(&greeting->challenge, DMEM_WIRE_MSG_BYTES),
		dmem_rdma_part(&greeting->proof, DMEM_WIRE_MSG_BYTES),
		dmem_rdma_part(&greeting->accept, DMEM_WIRE_MSG_BYTES),
	};
	u8 theirs[DMEM_WIRE_MAC_BYTES], ours[DMEM_WIRE_MAC_BYTES];
	int err;

	memcpy(theirs, greeting->accept.accept.proof, sizeof(theirs));
	memset(greeting->accept.accept.proof, 0, sizeof(theirs));
	err = dmem_rdma_mac(donor, donor->rdma->pool->key, DMEM_WIRE_LABEL_DONOR, parts, 4, ours);
	if (err)
		return err;
	if (crypto_memneq(ours, theirs, sizeof(ours))) {
		dmem_rdma_refusal(donor, DMEM_WIRE_BAD_PROOF,
				  "the donor does not know the key");
		return -EREMOTEIO;
	}
	return dmem_rdma_mac(donor, donor->rdma->pool->key, DMEM_WIRE_LABEL_SESSION, parts, 2,
			     donor->session_key);
}

/* A client that the donor did not know is known by this session from now on. */
static int dmem_rdma_set_resume(struct dmem_rdma_donor *donor, struct dmem_rdma_greeting *greeting)
{
	const struct kvec parts[] = {
		dmem_rdma_part(&greeting->hello, DMEM_WIRE_MSG_BYTES),
		dmem_rdma_part(&greeting->challenge, DMEM_WIRE_MSG_BYTES),
	};

	donor->has_resume = true;
	return dmem_rdma_mac(donor, donor->rdma->pool->key, DMEM_WIRE_LABEL_RESUME_KEY, parts, 2,
			     donor->resume_key);
}

static int dmem_rdma_accepted(struct dmem_rdma_donor *donor, struct dmem_rdma_greeting *greeting)
{
	const struct dmem_wire_challenge *challenge = &greeting->challenge.challenge;
	const struct dmem_wire_accept *accept = &greeting->accept.accept;
	bool known = le32_to_cpu(challenge->flags) & DMEM_WIRE_F_KNOWN;
	u64 epoch = le64_to_cpu(challenge->epoch);
	u64 extent_bytes = le64_to_cpu(accept->extent_bytes);

	if (!known || donor->epoch != epoch)
		dmem_rdma_lose_all(donor);
	else if (donor->extent_bytes != extent_bytes)
		return -EPROTO;
	donor->epoch = epoch;
	donor->extent_bytes = extent_bytes;
	donor->session = accept->session;
	donor->attempt = 0;
	donor->renew_ms = le32_to_cpu(accept->renew_ms);
	WRITE_ONCE(donor->draining, le32_to_cpu(accept->flags) & DMEM_WIRE_F_DRAINING);
	donor->nr_conns = le16_to_cpu(accept->max_data_conns);
	WRITE_ONCE(donor->lendable_bytes, le64_to_cpu(accept->lendable_bytes));
	return known ? 0 : dmem_rdma_set_resume(donor, greeting);
}

/* One attempt; -EAGAIN where the donor knows our id but not from us: once more with another. */
static int dmem_rdma_greet(struct dmem_rdma_donor *donor, struct dmem_rdma_greeting *greeting)
{
	u32 flags;
	int err;

	memset(greeting, 0, sizeof(*greeting));
	err = dmem_rdma_hello(donor, greeting);
	if (err)
		return err;
	dmem_rdma_header(&greeting->hello, DMEM_WIRE_HELLO, donor->control->seq);
	flags = le32_to_cpu(greeting->challenge.challenge.flags);
	if (!(flags & DMEM_WIRE_F_KEY) != !donor->rdma->pool->has_key) {
		dmem_rdma_refusal(donor, DMEM_WIRE_KEY_NEEDED, "one end has a key, the other none");
		return -EREMOTEIO;
	}
	if (flags & DMEM_WIRE_F_KNOWN && !donor->has_resume) {
		get_random_bytes(donor->client, sizeof(donor->client));
		return -EAGAIN;
	}
	err = dmem_rdma_prove(donor, greeting);
	if (!err)
		err = dmem_rdma_verify(donor, greeting);
	return err ?: dmem_rdma_accepted(donor, greeting);
}

/**
 * dmem_rdma_handshake - make a control connection a session
 * @donor: its control connection is there; its mutex is held
 *
 * Return: 0; -EREMOTEIO where one end refused the other, donor->refused says why; -EAGAIN to
 * connect anew at once; or another negative errno.
 */
int dmem_rdma_handshake(struct dmem_rdma_donor *donor)
{
	struct dmem_rdma_greeting *greeting = kmalloc(sizeof(*greeting), GFP_KERNEL);
	int err;

	if (!greeting)
		return -ENOMEM;
	donor->renew_ms = 0;
	err = dmem_rdma_greet(donor, greeting);
	kfree_sensitive(greeting);
	return err;
}
