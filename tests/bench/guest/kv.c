// SPDX-License-Identifier: GPL-2.0
/*
 * kv.c - the load of the workloads redis and memcached: GET and SET over a UNIX socket.
 *
 * Loads every key, then draws keys by Zipf's law (the k-th most popular is asked for 1/k times as
 * often as the first) and sends batches without waiting for each reply. The checksum is over all
 * values got, in order. Usage: kv redis|memcached SOCKET SCALE
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

#define KEYS		60000
#define VALUE_BYTES	1000
#define VALUE_TEXT	"1000"
#define BATCH		16
#define WARM_UP_BATCHES	200
/* As many as a boot with 2 MiB blocks can bear: there a third of the requests moves 512 pages. */
#define TIMED_BATCHES	1000
#define GETS_OF_FOUR	3
#define SEED		3
#define HEADER_BYTES	64
#define CONNECT_TRIES	3000
#define CONNECT_WAIT_US	20000
#define SCATTER		2654435761u	/* prime, so ranks and keys map one to one */

/* Each text takes a key where it has a conversion. */
struct protocol {
	const char *name;
	const char *get, *found, *found_end;
	const char *set, *stored;
};

static const struct protocol protocols[] = {
	{
		.name = "redis",
		.get = "*2\r\n$3\r\nGET\r\n$9\r\nk%08x\r\n",
		.found = "$" VALUE_TEXT "\r\n",
		.found_end = "\r\n",
		.set = "*3\r\n$3\r\nSET\r\n$9\r\nk%08x\r\n$" VALUE_TEXT "\r\n",
		.stored = "+OK\r\n",
	}, {
		.name = "memcached",
		.get = "get k%08x\r\n",
		.found = "VALUE k%08x 0 " VALUE_TEXT "\r\n",
		.found_end = "\r\nEND\r\n",
		.set = "set k%08x 0 0 " VALUE_TEXT "\r\n",
		.stored = "STORED\r\n",
	},
};

struct request {
	uint32_t key;
	int is_get;
};

struct load {
	const struct protocol *protocol;
	int socket;
	FILE *replies;
	uint32_t keys;
	double *weight;		/* of all ranks up to this one */
	uint64_t state, checksum;
	struct request requests[BATCH];
	char out[BATCH * (VALUE_BYTES + 2 * HEADER_BYTES)];
	size_t out_bytes;
};

static void connect_server(struct load *load, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	unsigned int tries = CONNECT_TRIES;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	load->socket = socket(AF_UNIX, SOCK_STREAM, 0);
	while (connect(load->socket, (struct sockaddr *)&address, sizeof(address))) {
		if (!--tries)
			control_die("%s does not answer: %m", load->protocol->name);
		usleep(CONNECT_WAIT_US);
	}
	load->replies = fdopen(load->socket, "r");
	if (!load->replies)
		control_die("%s: no stream for the replies: %m", load->protocol->name);
}

static void weigh_ranks(struct load *load)
{
	double sum = 0;

	load->weight = control_alloc(load->keys, sizeof(double));
	for (uint32_t rank = 0; rank < load->keys; rank++) {
		sum += 1.0 / (rank + 1);
		load->weight[rank] = sum;
	}
}

static uint32_t draw_key(struct load *load)
{
	double chance = (next_random(&load->state) >> 11) * 0x1p-53;
	double want = chance * load->weight[load->keys - 1];
	uint32_t low = 0, high = load->keys - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (load->weight[middle] > want)
			high = middle;
		else
			low = middle + 1;
	}
	return (uint64_t)low * SCATTER % load->keys;
}

static void put_value(struct load *load)
{
	uint64_t words[VALUE_BYTES / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		words[i] = next_random(&load->state);
	memcpy(load->out + load->out_bytes, words, sizeof(words));
	load->out_bytes += sizeof(words);
	memcpy(load->out + load->out_bytes, "\r\n", 2);
	load->out_bytes += 2;
}

static void put_request(struct load *load, unsigned int slot, uint32_t key, int is_get)
{
	const char *format = is_get ? load->protocol->get : load->protocol->set;

	load->requests[slot] = (struct request){ key, is_get };
	load->out_bytes += snprintf(load->out + load->out_bytes, HEADER_BYTES, format, key);
	if (!is_get)
		put_value(load);
}

static void send_batch(struct load *load)
{
	size_t sent = 0;

	while (sent < load->out_bytes) {
		ssize_t bytes = write(load->socket, load->out + sent, load->out_bytes - sent);

		if (bytes <= 0)
			control_die("%s: write: %m", load->protocol->name);
		sent += bytes;
	}
	load->out_bytes = 0;
}

static void expect_line(struct load *load, const char *format, uint32_t key)
{
	char want[HEADER_BYTES], line[HEADER_BYTES];

	snprintf(want, sizeof(want), format, key);
	if (!fgets(line, sizeof(line), load->replies))
		control_die("%s closed the connection", load->protocol->name);
	if (strcmp(line, want))
		control_die("%s answered %.*s", load->protocol->name,
			    (int)strcspn(line, "\r\n"), line);
}

static void take_value(struct load *load)
{
	char value[VALUE_BYTES + HEADER_BYTES];
	size_t end_bytes = strlen(load->protocol->found_end);

	if (fread(value, VALUE_BYTES + end_bytes, 1, load->replies) != 1 ||
	    memcmp(value + VALUE_BYTES, load->protocol->found_end, end_bytes))
		control_die("%s: a value is cut short", load->protocol->name);
	load->checksum = control_hash(load->checksum, value, VALUE_BYTES);
}

static void take_replies(struct load *load, unsigned int requests)
{
	for (unsigned int i = 0; i < requests; i++) {
		const struct request *request = &load->requests[i];

		if (request->is_get) {
			expect_line(load, load->protocol->found, request->key);
			take_value(load);
		} else {
			expect_line(load, load->protocol->stored, request->key);
		}
	}
}

static void set_all_keys(struct load *load)
{
	for (uint32_t key = 0; key < load->keys; key += BATCH) {
		for (unsigned int i = 0; i < BATCH; i++)
			put_request(load, i, key + i, 0);
		send_batch(load);
		take_replies(load, BATCH);
	}
}

static void run_batches(struct load *load, unsigned int batches)
{
	while (batches--) {
		for (unsigned int i = 0; i < BATCH; i++) {
			int is_get = random_below(&load->state, 4) < GETS_OF_FOUR;

			put_request(load, i, draw_key(load), is_get);
		}
		send_batch(load);
		take_replies(load, BATCH);
	}
}

static const struct protocol *find_protocol(const char *name)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (!strcmp(protocols[i].name, name))
			return &protocols[i];
	control_die("kv: no protocol %s", name);
}

int main(int argc, char **argv)
{
	static struct load load = { .state = SEED };
	uint64_t start_ns, end_ns;
	unsigned int scale;

	if (argc != 4)
		control_die("usage: kv redis|memcached SOCKET SCALE");
	load.protocol = find_protocol(argv[1]);
	scale = control_scale(argv[3]);
	load.keys = scale * KEYS;
	_Static_assert(KEYS % BATCH == 0, "the last batch of the load is whole");
	weigh_ranks(&load);
	connect_server(&load, argv[2]);
	set_all_keys(&load);
	control_loaded(load.protocol->name);
	run_batches(&load, WARM_UP_BATCHES);

	load.checksum = 0;
	start_ns = control_start(load.protocol->name);
	run_batches(&load, scale * TIMED_BATCHES);
	end_ns = control_now_ns();
	control_result(end_ns - start_ns, load.checksum);
	return 0;
}
