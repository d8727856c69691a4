// SPDX-License-Identifier: GPL-2.0
/* metrics_test.c - metrics as text: families, labels, histograms, the tuner's page; over HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "dmemtop/sample.h"
#include "lib/scrape.h"
#include "tests/golden.h"
#include "tests/top/synth.h"
#include "tuner/metrics.h"

#define NS_PER_S	1000000000ULL

static const struct dmem_metric gauge = { "x_bytes", DMEM_GAUGE, "bytes", "Help." };
static const struct dmem_metric counter = { "y", DMEM_COUNTER, NULL, "Help." };
static const struct dmem_metric histogram = { "z_seconds", DMEM_HISTOGRAM, "seconds", "Help." };
static const struct dmem_metric info = { "w", DMEM_INFO, NULL, "Help." };

/* Under way between begin() and expect(). */
static struct dmem_metrics page;

static void begin(enum dmem_metrics_format format, const struct dmem_metric *family)
{
	assert_int_equal(dmem_metrics_open(&page, format), 0);
	dmem_metrics_begin(&page, family);
}

static void expect(const char *text)
{
	size_t bytes;
	char *made = dmem_metrics_close(&page, &bytes);

	assert_non_null(made);
	assert_string_equal(made, text);
	assert_int_equal(bytes, strlen(text));
	free(made);
}

static void families(void **state)
{
	(void)state;
	begin(DMEM_OPENMETRICS, &gauge);
	dmem_metrics_count(&page, NULL, UINT64_MAX);
	expect("# TYPE x_bytes gauge\n# UNIT x_bytes bytes\n# HELP x_bytes Help.\n"
	       "x_bytes 18446744073709551615\n# EOF\n");
	begin(DMEM_OPENMETRICS, &counter);
	dmem_metrics_ns(&page, NULL, 3 * NS_PER_S + 7);
	expect("# TYPE y counter\n# HELP y Help.\ny_total 3.000000007\n# EOF\n");
	begin(DMEM_OPENMETRICS, &info);
	dmem_metrics_count(&page, NULL, 1);
	expect("# TYPE w info\n# HELP w Help.\nw_info 1\n# EOF\n");
}

/* The older format: the same samples, a family named as they are, nothing that it does not know. */
static void older_format(void **state)
{
	(void)state;
	begin(DMEM_PROMETHEUS_TEXT, &gauge);
	dmem_metrics_count(&page, NULL, 1);
	expect("# TYPE x_bytes gauge\n# HELP x_bytes Help.\nx_bytes 1\n");
	begin(DMEM_PROMETHEUS_TEXT, &counter);
	dmem_metrics_count(&page, NULL, 2);
	expect("# TYPE y_total counter\n# HELP y_total Help.\ny_total 2\n");
	begin(DMEM_PROMETHEUS_TEXT, &info);
	dmem_metrics_count(&page, NULL, 1);
	expect("# TYPE w_info gauge\n# HELP w_info Help.\nw_info 1\n");
}

/* Whatever a file may be called. */
static void label_values(void **state)
{
	static const char *const values[][2] = {
		{ "vm0", "vm0" }, { "", "" }, { "a\"b", "a\\\"b" }, { "a\\b", "a\\\\b" },
		{ "a\nb", "a\\nb" }, { "b\303\274ro", "b\303\274ro" },
		{ "cut\303", "cut\357\277\275" }, { "\377\"", "\357\277\275\\\"" },
		{ "\355\240\200", "\357\277\275\357\277\275\357\277\275" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct dmem_label labels[] = { { "vm", values[i][0] }, { "id", "7" }, {} };
		char text[256];

		begin(DMEM_PROMETHEUS_TEXT, &counter);
		dmem_metrics_count(&page, labels, 1);
		snprintf(text, sizeof(text), "# TYPE y_total counter\n# HELP y_total Help.\n"
			 "y_total{vm=\"%s\",id=\"7\"} 1\n", values[i][1]);
		expect(text);
	}
}

/* The value behind the first sample that begins with @start. */
static uint64_t value_of(const char *text, const char *start)
{
	const char *at = strstr(text, start);

	if (!at)
		fail_msg("no sample %s", start);
	return strtoull(strrchr(strndupa(at, strcspn(at, "\n")), ' '), NULL, 10);
}

/* Slots are whole buckets, each bucket has all below it, and the last one is the count. */
static void histograms(void **state)
{
	const struct dmem_label labels[] = { { "vm", "a" }, {} };
	uint64_t slots[DMEM_LATENCY_SLOTS] = { [0] = 1, [9] = 2, [10] = 4, [29] = 8, [30] = 16,
					       [31] = 32 }, last = 0;
	const char *at;
	int buckets = 0;
	size_t bytes;
	char *text;

	(void)state;
	begin(DMEM_OPENMETRICS, &histogram);
	dmem_metrics_histogram(&page, labels, slots, DMEM_LATENCY_SLOTS, 5 * NS_PER_S / 2);
	text = dmem_metrics_close(&page, &bytes);
	assert_non_null(text);
	for (at = text; (at = strstr(at, "z_seconds_bucket{vm=\"a\",le=\"")); at++, buckets++) {
		uint64_t value = value_of(at, "z_seconds_bucket");

		assert_true(value >= last);
		last = value;
	}
	assert_int_equal(buckets, 22);
	assert_int_equal(value_of(text, "z_seconds_bucket{vm=\"a\",le=\"1.023e-06\"}"), 3);
	assert_int_equal(value_of(text, "z_seconds_bucket{vm=\"a\",le=\"2.047e-06\"}"), 7);
	assert_int_equal(value_of(text, "z_seconds_bucket{vm=\"a\",le=\"0.536870911\"}"), 7);
	assert_int_equal(value_of(text, "z_seconds_bucket{vm=\"a\",le=\"1.073741823\"}"), 15);
	assert_int_equal(value_of(text, "z_seconds_bucket{vm=\"a\",le=\"+Inf\"}"), 63);
	assert_int_equal(value_of(text, "z_seconds_count{vm=\"a\"}"), 63);
	assert_non_null(strstr(text, "\nz_seconds_sum{vm=\"a\"} 2.500000000\n"));
	free(text);
}

/* A host that does not exist; the third VM memory is gone, its latencies are not yet. */
static char *tuner_page(enum dmem_metrics_format format)
{
	static const struct synth_host host = { .vms = 5, .size_bytes = 4ULL << 30, .pools = 2,
						.tuner = true };
	struct tune_reading reading = {
		.tuner = { .mode = "auto", .interval_ns = 2 * NS_PER_S, .rounds = 5, .raised = 3,
			   .lowered = 2, .busy_ns = NS_PER_S / 8,
			   .round_unix_ns = 1772366410 * NS_PER_S },
	};
	struct top_sample sample;
	size_t bytes;
	char *text;

	synth_sample(&sample, &host, 10, 0);
	sample.vms[2].value.gone = 1;
	reading.vms = sample.vms;
	reading.nr_vms = sample.nr_vms;
	reading.latencies = sample.latencies;
	reading.nr_latencies = sample.nr_latencies;
	reading.stats = sample.stats;
	text = tune_metrics_text(&reading, format, &bytes);
	top_sample_free(&sample);
	assert_non_null(text);
	assert_int_equal(strlen(text), bytes);
	return text;
}

static void tuner_openmetrics(void **state)
{
	char *text = tuner_page(DMEM_OPENMETRICS);

	(void)state;
	/* The page as a whole is the golden one; here what must be so. */
	assert_non_null(strstr(text, "\ndmem_vm_size_bytes{vm=\"db-1\",id=\"101\"} 4294967296\n"));
	assert_non_null(strstr(text, "{vm=\"b\303\274ro\",id=\"104\"}"));
	assert_null(strstr(text, "id=\"103\""));
	assert_null(strstr(text, "region"));
	golden_expect("tuner.om", text);
	free(text);
}

static void tuner_older_format(void **state)
{
	char *text = tuner_page(DMEM_PROMETHEUS_TEXT);

	(void)state;
	golden_expect("tuner.prom", text);
	free(text);
}

/* Nothing to tell of: all families are there, and no VM's samples. */
static void tuner_alone(void **state)
{
	struct tune_reading reading = { .tuner = { .mode = "static:4" } };
	size_t bytes;
	char *text = tune_metrics_text(&reading, DMEM_OPENMETRICS, &bytes);

	(void)state;
	assert_non_null(strstr(text, "\ndmem_tuner_info{mode=\"static:4\"} 1\n"));
	assert_non_null(strstr(text, "\n# TYPE dmem_vm_fetch_seconds histogram\n"));
	assert_null(strstr(text, "\ndmem_vm"));
	free(text);
}

/* A page that says which format was asked for, or fails. */
static bool page_fails;

static char *make_page(void *owner, enum dmem_metrics_format format, size_t *bytes,
		       struct dmem_error *error)
{
	char *text = page_fails ? NULL : strdup(format == DMEM_OPENMETRICS ? "om\n" : "plain\n");

	assert_ptr_equal(owner, &page_fails);
	if (!text)
		dmem_fail(error, EIO, "no map");
	*bytes = text ? strlen(text) : 0;
	return text;
}

/* A port that nobody has: 0 is taken, asked for its number. */
static int listen_anywhere(struct sockaddr_storage *address)
{
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	socklen_t len = sizeof(*four);
	struct dmem_error error;
	int fd;

	memset(address, 0, sizeof(*address));
	four->sin_family = AF_INET;
	four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = dmem_scrape_listen(address, &error);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)four, &len), 0);
	return fd;
}

/* All that is answered to "METHOD PATH" with these header lines. */
static const char *ask(const struct sockaddr_storage *address, const char *what,
		       const char *headers)
{
	static char text[4096];
	size_t got = 0;
	ssize_t len;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)address,
				 sizeof(struct sockaddr_in)), 0);
	dprintf(fd, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", what, headers);
	while (got < sizeof(text) - 1 && (len = read(fd, text + got, sizeof(text) - 1 - got)) > 0)
		got += (size_t)len;
	text[got] = 0;
	close(fd);
	return text;
}

#define HAS(text, part)	assert_non_null(strstr(text, part))

static void over_http(void **state)
{
	/* As Prometheus asks (scrape.go), and as promtool's users do. */
	static const char prometheus[] =
		"Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		"version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
	struct sockaddr_storage address;
	struct dmem_error error;
	struct dmem_scrape *scrape;
	const char *text;

	(void)state;
	scrape = dmem_scrape_start(listen_anywhere(&address), true, make_page, &page_fails, &error);
	assert_non_null(scrape);
	text = ask(&address, "GET /metrics", "");
	HAS(text, "HTTP/1.1 200 ");
	HAS(text, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
	HAS(text, "\r\n\r\nom\n");
	HAS(ask(&address, "GET /metrics", prometheus), "\r\n\r\nom\n");
	HAS(ask(&address, "GET /metrics", "Accept: */*\r\n"), "\r\n\r\nom\n");
	text = ask(&address, "GET /metrics", "Accept: text/plain\r\n");
	HAS(text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	HAS(text, "\r\n\r\nplain\n");
	text = ask(&address, "HEAD /metrics", "");
	HAS(text, " 200 ");
	HAS(text, "\r\nContent-Length: 3\r\n");
	assert_null(strstr(text, "om\n"));
	HAS(ask(&address, "GET /", ""), " 404 ");
	HAS(ask(&address, "GET /metrics/x", ""), " 404 ");
	HAS(ask(&address, "POST /metrics", "Content-Length: 0\r\n"), " 405 ");
	page_fails = true;
	text = ask(&address, "GET /metrics", "");
	page_fails = false;
	HAS(text, " 500 ");
	HAS(text, "\r\n\r\nno map\n");
	dmem_scrape_end(scrape);
}

/* Who connects before there is a page gets it when there is one. */
static void waits_for_the_page(void **state)
{
	struct sockaddr_storage address;
	struct dmem_scrape *scrape;
	struct dmem_error error;
	char text[4096] = "";
	int fd, listening;

	(void)state;
	listening = listen_anywhere(&address);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(struct sockaddr_in)), 0);
	dprintf(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	scrape = dmem_scrape_start(listening, true, make_page, &page_fails, &error);
	assert_non_null(scrape);
	for (size_t got = 0; got < sizeof(text) - 1;) {
		ssize_t len = read(fd, text + got, sizeof(text) - 1 - got);

		if (len <= 0)
			break;
		got += (size_t)len;
	}
	HAS(text, "\r\n\r\nom\n");
	close(fd);
	dmem_scrape_end(scrape);
}

static void refused_addresses(void **state)
{
	struct sockaddr_storage address;
	struct dmem_error error = {};
	char text[ADDRESS_TEXT], wanted[256];
	int fd = listen_anywhere(&address);

	(void)state;
	snprintf(wanted, sizeof(wanted), "--metrics %s: somebody else listens there",
		 address_format((struct sockaddr *)&address, text));
	assert_int_equal(dmem_scrape_listen(&address, &error), -EADDRINUSE);
	assert_string_equal(error.text, wanted);
	close(fd);
	/* Free again at once. */
	fd = dmem_scrape_listen(&address, &error);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(address_parse("192.0.2.1:80", 0, &address), 0);
	assert_int_equal(dmem_scrape_listen(&address, &error), -EADDRNOTAVAIL);
	assert_string_equal(error.text,
			    "--metrics 192.0.2.1:80: Cannot assign requested address");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(families), cmocka_unit_test(older_format),
		cmocka_unit_test(label_values), cmocka_unit_test(histograms),
		cmocka_unit_test(tuner_openmetrics), cmocka_unit_test(tuner_older_format),
		cmocka_unit_test(tuner_alone), cmocka_unit_test(over_http),
		cmocka_unit_test(waits_for_the_page), cmocka_unit_test(refused_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
