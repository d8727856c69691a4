// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - dmem-memnode: lends this host's memory. Starts and ends the parts; the loop.
 *
 * Exit status: 0 ended as told, 1 failed, 2 misused.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "fabric.h"
#include "log.h"
#include "metrics.h"
#include "units.h"

/* How long the end of all sessions may take: goodbyes are a second, the rest is the kernel's. */
#define ENDING_MS	10000

struct daemon {
	struct options options;
	struct donor donor;
	struct fabric fabric;
	struct loop loop;
	struct metrics *metrics;
	struct watch signals;
	bool told_to_end;
	uint64_t watchdog_ms;		/* 0: none */
	uint64_t next_watchdog_ms;
	uint32_t leased_said;		/* in the status */
	unsigned int sessions_said;
};

static void drain(struct daemon *daemon)
{
	char text[DMEM_UNITS_LEN];
	uint64_t lent = daemon->donor.store.nr_leased * daemon->options.extent_bytes;

	donor_drain(&daemon->donor);
	sd_notifyf(0, "STOPPING=1\nSTATUS=Draining: %s to be given back",
		   dmem_format_bytes(text, sizeof(text), lent));
	log_event(LOG_NOTICE, "draining: nothing new is lent; %s to be given back, for which %u s are left",
		  dmem_format_bytes(text, sizeof(text), lent), daemon->options.grace_ms / 1000);
}

static void handle_signal(struct watch *watch)
{
	struct daemon *daemon = watch->owner;
	struct signalfd_siginfo info;

	if (read(watch->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM && !daemon->donor.draining)
		drain(daemon);
	else
		daemon->told_to_end = true;
}

static int watch_signals(struct daemon *daemon)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	daemon->signals = (struct watch){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
					  .ready = handle_signal, .owner = daemon };
	if (daemon->signals.fd < 0)
		return -errno;
	err = loop_add(&daemon->loop, &daemon->signals);
	if (err)
		close(daemon->signals.fd);
	return err;
}

static bool has_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	return !syscall(SYS_capget, &header, data) &&
	       data[capability / 32].effective & 1U << capability % 32;
}

/* Found out now and not by the first client: how much there is, and how much may be pinned. */
static int check_memory(const struct options *options, struct dmem_error *error)
{
	char wanted[DMEM_UNITS_LEN], limit[DMEM_UNITS_LEN];
	struct rlimit memlock;
	struct sysinfo info;

	dmem_format_size(wanted, sizeof(wanted), options->memory_bytes);
	if (sysinfo(&info) || getrlimit(RLIMIT_MEMLOCK, &memlock))
		return dmem_fail(error, errno, "--memory %s: %s", wanted, strerror(errno));
	if (options->memory_bytes > (uint64_t)info.totalram * info.mem_unit)
		return dmem_fail(error, EINVAL, "--memory %s: this host has %s", wanted,
				 dmem_format_bytes(limit, sizeof(limit),
						   (uint64_t)info.totalram * info.mem_unit));
	memlock.rlim_cur = memlock.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &memlock);
	if (memlock.rlim_max < options->memory_bytes && !has_capability(CAP_IPC_LOCK))
		return dmem_fail(error, EPERM, "--memory %s: RLIMIT_MEMLOCK lets %s be registered (ulimit -l unlimited, LimitMEMLOCK=infinity)",
				 wanted, dmem_format_bytes(limit, sizeof(limit),
							   memlock.rlim_max));
	return 0;
}

static int open_store(struct daemon *daemon, struct dmem_error *error)
{
	const struct options *options = &daemon->options;
	const struct store_config config = {
		.dir = options->backing,
		.hugepages = options->hugepages,
		.memory_bytes = options->memory_bytes,
		.extent_bytes = options->extent_bytes,
	};
	struct donor *donor = &daemon->donor;
	int err = check_memory(options, error);

	if (!err)
		err = store_open(&donor->store, &config, error);
	if (err)
		return err;
	donor_begin_grace(donor);
	log_event(LOG_INFO, "epoch %016" PRIx64 ": %s, %" PRIu32 " extents of %" PRIu32 " clients kept",
		  store_epoch(&donor->store), donor->store.found ? "found its memory" : "new memory",
		  donor->store.nr_leased, donor->store.nr_clients);
	return 0;
}

static int open_key(struct daemon *daemon, struct dmem_error *error)
{
	struct donor *donor = &daemon->donor;

	if (!daemon->options.key_file) {
		log_event(LOG_NOTICE, "no --key-file: clients on this host alone");
		return 0;
	}
	donor->has_key = true;
	return dmem_wire_read_key(daemon->options.key_file, donor->key, error);
}

static int open_loop(struct daemon *daemon, struct dmem_error *error)
{
	int err = loop_open(&daemon->loop);

	if (err)
		return dmem_fail(error, err, "epoll: %s", strerror(-err));
	err = watch_signals(daemon);
	if (err) {
		loop_close(&daemon->loop);
		return dmem_fail(error, err, "signals: %s", strerror(-err));
	}
	return 0;
}

static int start_workers(struct daemon *daemon, struct dmem_error *error)
{
	int err = worker_start(&daemon->donor.quick, &daemon->loop);

	if (!err) {
		err = worker_start(&daemon->donor.slow, &daemon->loop);
		if (err)
			worker_stop(&daemon->donor.quick);
	}
	return err ? dmem_fail(error, err, "threads: %s", strerror(-err)) : 0;
}

static void say_status(struct daemon *daemon)
{
	char lent[DMEM_UNITS_LEN], all[DMEM_UNITS_LEN];
	const struct donor *donor = &daemon->donor;
	uint64_t extent_bytes = daemon->options.extent_bytes;

	if (donor->nr_sessions == daemon->sessions_said &&
	    donor->store.nr_leased == daemon->leased_said)
		return;
	daemon->sessions_said = donor->nr_sessions;
	daemon->leased_said = donor->store.nr_leased;
	sd_notifyf(0, "STATUS=%s%s of %s lent, %u sessions", donor->draining ? "Draining: " : "",
		   dmem_format_bytes(lent, sizeof(lent), donor->store.nr_leased * extent_bytes),
		   dmem_format_bytes(all, sizeof(all), daemon->options.memory_bytes),
		   donor->nr_sessions);
}

static int earlier(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int feed_watchdog(struct daemon *daemon)
{
	uint64_t now = now_ms();

	if (!daemon->watchdog_ms)
		return -1;
	if (daemon->next_watchdog_ms <= now) {
		sd_notify(0, "WATCHDOG=1");
		daemon->next_watchdog_ms = now + daemon->watchdog_ms;
	}
	return daemon->next_watchdog_ms - now;
}

static void go_round(struct daemon *daemon)
{
	int timeout = fabric_tend(&daemon->fabric);

	timeout = earlier(timeout, donor_check_deadlines(&daemon->donor));
	/* What was ended there is closed without waiting for an event. */
	timeout = earlier(timeout, fabric_tend(&daemon->fabric));
	timeout = earlier(timeout, feed_watchdog(daemon));
	if (daemon->metrics)
		timeout = earlier(timeout, metrics_timeout(daemon->metrics));
	loop_run_once(&daemon->loop, timeout);
	if (daemon->metrics)
		metrics_run(daemon->metrics);
}

/* What is given back is answered for when it is free, not when its lease ends. */
static bool is_drained(const struct donor *donor)
{
	bool all_back = donor->store.nr_free + donor->counters.lost == donor->store.nr_extents;

	return donor->draining && (all_back || donor->drain_end_ms <= now_ms());
}

static void end_sessions(struct daemon *daemon)
{
	uint64_t end = now_ms() + ENDING_MS;

	fabric_hang_up(&daemon->fabric);
	while (!TAILQ_EMPTY(&daemon->donor.sessions) && now_ms() < end)
		go_round(daemon);
}

static void serve(struct daemon *daemon)
{
	char text[ADDRESS_TEXT], all[DMEM_UNITS_LEN];
	uint64_t watchdog_us;

	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		daemon->watchdog_ms = watchdog_us / 2000;
	log_event(LOG_NOTICE, "lends %s at %s", dmem_format_bytes(all, sizeof(all),
								 daemon->options.memory_bytes),
		  address_format((struct sockaddr *)&daemon->options.listen, text));
	sd_notify(0, "READY=1\nSTATUS=Nothing lent");
	while (!daemon->told_to_end && !is_drained(&daemon->donor)) {
		go_round(daemon);
		say_status(daemon);
	}
	sd_notify(0, "STOPPING=1");
	log_event(LOG_NOTICE, "ends, with %" PRIu32 " extents lent", daemon->donor.store.nr_leased);
	end_sessions(daemon);
}

static int run_with_fabric(struct daemon *daemon, struct dmem_error *error)
{
	const struct sockaddr_storage *metrics = &daemon->options.metrics;
	int err = fabric_open(&daemon->fabric, &daemon->donor, &daemon->loop, error);

	if (err)
		return err;
	if (metrics->ss_family) {
		daemon->metrics = metrics_open(&daemon->donor, &daemon->loop, metrics, error);
		if (!daemon->metrics)
			err = -EIO;
	}
	if (!err)
		serve(daemon);
	if (daemon->metrics)
		metrics_close(daemon->metrics);
	/* Who is not gone by now goes with the process. */
	if (TAILQ_EMPTY(&daemon->donor.sessions))
		fabric_close(&daemon->fabric);
	return err;
}

static int run(struct daemon *daemon, struct dmem_error *error)
{
	struct donor *donor = &daemon->donor;
	int err;

	donor->options = &daemon->options;
	donor->started_ms = now_ms();
	TAILQ_INIT(&donor->sessions);
	err = open_key(daemon, error);
	if (!err)
		err = open_store(daemon, error);
	if (err)
		return err;
	err = open_loop(daemon, error);
	if (err)
		return err;
	err = start_workers(daemon, error);
	if (!err) {
		err = run_with_fabric(daemon, error);
		worker_stop(&donor->slow);
		worker_stop(&donor->quick);
	}
	close(daemon->signals.fd);
	loop_close(&daemon->loop);
	store_close(&donor->store);
	return err;
}

int main(int argc, char **argv)
{
	/* Not on the stack: it has the nonces. */
	static struct daemon daemon;
	struct dmem_error error;
	int err;

	log_open();
	switch (options_parse(&daemon.options, argc, argv, &error)) {
	case OPTIONS_DONE:
		return 0;
	case OPTIONS_WRONG:
		fprintf(stderr, "dmem-memnode: %s (dmem-memnode --help)\n", error.text);
		options_free(&daemon.options);
		return 2;
	default:
		break;
	}
	err = run(&daemon, &error);
	if (err)
		log_event(LOG_ERR, "%s", error.text);
	explicit_bzero(daemon.donor.key, sizeof(daemon.donor.key));
	options_free(&daemon.options);
	return err ? 1 : 0;
}
