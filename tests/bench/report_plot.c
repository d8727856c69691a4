// SPDX-License-Identifier: GPL-2.0
/*
 * report_plot.c - data files and a gnuplot script beside them, for bench.sh to run: each plot as
 * SVG and as PNG. A plot without data is left out. Where all workloads share an axis, slowdowns
 * are drawn as run time over all-local run time, logarithmic, with marks in per cent of slowdown.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct plot {
	const struct bench *bench;
	const char *folder;
	FILE *script;
};

struct colour {
	const char *name, *rgb;
};

/* Static orders in shades of one colour, the peers in greys: auto is what one looks for. */
static const struct colour colours[] = {
	{ "static-0", "#9ecae1" }, { "static-2", "#6baed6" }, { "static-4", "#4292c6" },
	{ "static-6", "#2171b5" }, { "static-9", "#08306b" }, { "auto", "#d55e00" },
	{ "buddy", "#009e73" }, { "swap-0", "#bdbdbd" }, { "swap-3", "#636363" },
	{ "uffd", "#cc79a7" },
};

/* For what the suite has no colour for. */
#define OTHER_COLOUR	"#e6ab02"

static const char *colour_of(const char *policy)
{
	for (size_t i = 0; i < BENCH_COUNT(colours); i++)
		if (!strcmp(colours[i].name, policy))
			return colours[i].rgb;
	return OTHER_COLOUR;
}

static FILE *open_in(const char *folder, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return fopen(path, "w");
}

/* Names come from the runs and go into a script: nothing in them may mean anything there. */
static void put_name(FILE *out, const char *name)
{
	for (; *name; name++)
		fputc(isalnum((unsigned char)*name) || strchr("-.", *name) ? *name : '_', out);
}

static void put_names(FILE *out, const char *variable, const char **names, size_t nr)
{
	fprintf(out, "%s = \"", variable);
	for (size_t i = 0; i < nr; i++) {
		put_name(out, names[i]);
		fputc(' ', out);
	}
	fprintf(out, "\"\n");
}

static void put_colours(FILE *out, const char **policies, size_t nr)
{
	fprintf(out, "colours = \"");
	for (size_t i = 0; i < nr; i++)
		fprintf(out, "%s ", colour_of(policies[i]));
	fprintf(out, "\"\n");
}

/* Begins a loop over the two formats; end_plot() ends it. */
static void begin_plot(struct plot *plot, const char *name, int width, int height)
{
	fprintf(plot->script,
		"do for [format in \"svg png\"] {\n"
		"reset\n"
		"if (format eq \"svg\") {\n"
		"\tset terminal svg size %d,%d noenhanced font \"Helvetica,13\" background \"white\"\n"
		"} else {\n"
		"\tset terminal pngcairo size %d,%d noenhanced font \"Sans,10\"\n"
		"}\n"
		"set output \"%s.\".format\n"
		"set border 3 lc rgb \"#666666\"\n"
		"set tics nomirror\n"
		"set grid ytics lt 1 lc rgb \"#e4e4e4\"\n",
		width, height, width, height, name);
}

static void end_plot(struct plot *plot)
{
	fprintf(plot->script, "unset output\n}\n\n");
}

static const char *micro_colour(const char *name)
{
	if (strstr(name, "anon"))
		return "0x74a892";
	return strstr(name, "dmem") ? "0x3182bd" : "0x969696";
}

/* Bars lie: the cases' names are long. */
static int plot_micro(struct plot *plot)
{
	FILE *data = open_in(plot->folder, "micro.dat");
	const char **cases;
	size_t rows;

	if (!data)
		return -1;
	fprintf(data, "# row case median_us p99_us colour\n");
	cases = bench_list_cases(plot->bench, &rows);
	for (size_t i = 0; i < rows; i++) {
		const struct bench_micro *micro = bench_find_micro(plot->bench, cases[i]);

		fprintf(data, "%zu ", i);
		put_name(data, micro->name);
		fprintf(data, " %.3f %.3f %s\n", micro->p50_ns / 1e3, micro->p99_ns / 1e3,
			micro_colour(micro->name));
	}
	free(cases);
	if (fclose(data))
		return -1;
	if (!rows)
		return 0;
	begin_plot(plot, "micro", 900, 120 + 28 * (int)rows);
	fprintf(plot->script,
		"set title \"One 4 KiB page: median (bar) and 99 %% (mark)\"\n"
		"set xlabel \"microseconds\"\n"
		"set yrange [%zu.6:-0.6]\n"
		"set xrange [0:*]\n"
		"set grid xtics noytics lt 1 lc rgb \"#e4e4e4\"\n"
		"set rmargin 14\n"
		"unset key\n"
		"set style fill solid noborder\n"
		"plot \"micro.dat\" using 3:1:(0):3:($1-0.35):($1+0.35):5:ytic(2) \\\n"
		"\twith boxxyerror lc rgb variable, \\\n"
		"\t\"\" using 4:1 with points pt 9 ps 0.8 lc rgb \"#222222\", \\\n"
		"\t\"\" using 4:1:(sprintf(\"  %%.1f / %%.1f\", $3, $4)) with labels left font \",9\"\n",
		rows - 1);
	end_plot(plot);
	return 0;
}

static double order_ns(const struct bench *bench, unsigned int order, const char *used)
{
	const struct bench_micro *micro;
	char name[64];

	snprintf(name, sizeof(name), "dmem-order-%u-%s-used", order, used);
	micro = bench_find_micro(bench, name);
	return micro ? micro->p50_ns : -1;
}

static void put_value(FILE *out, bool known, double value)
{
	if (known)
		fprintf(out, " %.4f", value);
	else
		fprintf(out, " NaN");
}

static void widen(double ns, double *least, double *most)
{
	if (ns < 0)
		return;
	if (!*most || ns < *least)
		*least = ns;
	if (ns > *most)
		*most = ns;
}

static int plot_orders(struct plot *plot)
{
	FILE *data = open_in(plot->folder, "orders.dat");
	double least = 0, most = 0;
	size_t rows = 0;

	if (!data)
		return -1;
	fprintf(data, "# order all_used_us one_used_us\n");
	for (size_t i = 0; i < bench_nr_orders; i++) {
		double all = order_ns(plot->bench, bench_orders[i], "all");
		double one = order_ns(plot->bench, bench_orders[i], "one");

		if (all < 0 && one < 0)
			continue;
		widen(all, &least, &most);
		widen(one, &least, &most);
		fprintf(data, "%u", bench_orders[i]);
		put_value(data, all >= 0, all / 1e3);
		put_value(data, one >= 0, one / 1e3);
		fputc('\n', data);
		rows++;
	}
	if (fclose(data))
		return -1;
	if (!rows)
		return 0;
	begin_plot(plot, "orders", 720, 480);
	fprintf(plot->script,
		"set title \"Cost of a used page by block order (medians)\"\n"
		"set xlabel \"block order (pages of a block)\"\n"
		"set ylabel \"microseconds per used page\"\n"
		"set xtics (\"0 (1)\" 0, \"2 (4)\" 2, \"4 (16)\" 4, \"6 (64)\" 6, \"9 (512)\" 9)\n"
		"set xrange [-0.5:9.5]\n"
		"set logscale y\n"
		"set format y \"%%g\"\n"
		"set key top left\n"
		"set yrange [%g:%g]\n"
		"plot \"orders.dat\" using 1:2 title \"every page of the block used\" \\\n"
		"\twith linespoints lw 2 pt 7 lc rgb \"#08519c\", \\\n"
		"\t\"\" using 1:2:(sprintf(\"%%.1f\", $2)) notitle with labels offset 0,-1, \\\n"
		"\t\"\" using 1:3 title \"one page of the block used\" \\\n"
		"\twith linespoints lw 2 pt 5 lc rgb \"#d55e00\", \\\n"
		"\t\"\" using 1:3:(sprintf(\"%%.1f\", $3)) notitle with labels offset 0,1\n",
		least / 1e3 / 2, most / 1e3 * 2);
	end_plot(plot);
	return 0;
}

static size_t count_in_mean(const struct bench *bench)
{
	size_t i, nr, count = 0;
	const char **workloads = bench_list_workloads(bench, &nr);

	for (i = 0; i < nr; i++)
		count += bench_is_in_mean(workloads[i]);
	free(workloads);
	return count;
}

/* A cell's slowdown, or without a workload the mean's; means over fewer are not comparable. */
static bool get_slowdown(const struct bench *bench, const char *workload, const char *policy,
			 int share, double *slowdown_pct)
{
	const struct bench_macro *macro;
	size_t nr;

	if (!workload) {
		nr = bench_mean(bench, policy, share, slowdown_pct);
		return nr && nr == count_in_mean(bench);
	}
	macro = bench_find_macro(bench, workload, policy, share);
	if (!macro || macro->rejected)
		return false;
	*slowdown_pct = macro->slowdown_pct;
	return true;
}

static void macro_data(const struct bench *bench, FILE *data, const char **workloads, size_t nr,
		       const char **policies, size_t nr_policies, int share)
{
	double pct = 0;
	bool known;

	for (size_t i = 0; i <= nr; i++) {
		const char *workload = i < nr ? workloads[i] : NULL;

		put_name(data, workload ?: "mean");
		for (size_t j = 0; j < nr_policies; j++) {
			known = get_slowdown(bench, workload, policies[j], share, &pct);
			put_value(data, known, 1 + pct / 100);
		}
		fputc('\n', data);
	}
}

static int plot_macro(struct plot *plot)
{
	size_t nr_workloads, nr_policies;
	const char **workloads = bench_list_workloads(plot->bench, &nr_workloads);
	const char **policies = bench_list_policies(plot->bench, 50, &nr_policies);
	FILE *data = open_in(plot->folder, "macro.dat");

	if (!data) {
		free(workloads);
		free(policies);
		return -1;
	}
	fprintf(data, "# workload, then run time over all-local run time by policy, 50 %% direct\n");
	if (nr_policies) {
		macro_data(plot->bench, data, workloads, nr_workloads, policies, nr_policies, 50);
		begin_plot(plot, "macro", 1200, 560);
		put_names(plot->script, "policies", policies, nr_policies);
		put_colours(plot->script, policies, nr_policies);
		fprintf(plot->script,
			"nr = words(policies)\n"
			"width = 0.84 / nr\n"
			"set logscale y\n"
			"set autoscale yfix\n"
			"set yrange [*<0.95:*]\n"
			"set ytics (\"-50\" 0.5, \"-20\" 0.8, \"0\" 1, \"10\" 1.1, \"25\" 1.25, "
			"\"50\" 1.5, \"100\" 2, \"200\" 3, \"400\" 5, \"900\" 10, "
			"\"1900\" 20, \"4900\" 50, \"9900\" 100)\n"
			"set title \"Slowdown against all-local memory, 50 %% direct "
			"(random is not in the mean)\"\n"
			"set ylabel \"slowdown, per cent\"\n"
			"set xrange [-0.6:%zu.6]\n"
			"set style fill solid noborder\n"
			"set key outside bottom center horizontal\n"
			"set xtics scale 0\n"
			"set arrow from graph 0,first 1 to graph 1,first 1 nohead lc rgb \"#444444\"\n"
			"plot for [i=1:nr] \"macro.dat\" using \\\n"
			"\t($0-0.42+(i-0.5)*width):(column(i+1)): \\\n"
			"\t($0-0.42+(i-1)*width):($0-0.42+(i-0.06)*width): \\\n"
			"\t(1):(column(i+1)) \\\n"
			"\twith boxxyerror lc rgb word(colours, i) title word(policies, i), \\\n"
			"\t\"\" using ($0):(1):xtic(1) with dots lc rgb \"#444444\" notitle\n",
			nr_workloads);
		end_plot(plot);
	}
	free(workloads);
	free(policies);
	return fclose(data) ? -1 : 0;
}

/* Policies that were measured at more than one share. */
static const char **list_shared(const struct bench *bench, const int *shares, size_t nr_shares,
				size_t *nr)
{
	const char **all, **shared = NULL;
	size_t nr_all, i, j, had;
	double mean;

	*nr = 0;
	all = bench_list_policies(bench, 50, &nr_all);
	for (i = 0; i < nr_all; i++) {
		for (j = 0, had = 0; j < nr_shares; j++)
			had += bench_mean(bench, all[i], shares[j], &mean) > 0;
		if (had < 2)
			continue;
		shared = bench_grow(shared, nr, sizeof(*shared));
		shared[*nr - 1] = all[i];
	}
	free(all);
	return shared;
}

static int compare_shares(const void *one, const void *other)
{
	return *(const int *)other - *(const int *)one;
}

/* A block of the data file a panel: a line a share, a column a policy. */
static void share_data(const struct bench *bench, FILE *data, const char *workload,
		       const int *shares, size_t nr_shares, const char **policies, size_t nr)
{
	double pct = 0;
	bool known;

	for (size_t i = 0; i < nr_shares; i++) {
		fprintf(data, "%d", shares[i]);
		for (size_t j = 0; j < nr; j++) {
			known = get_slowdown(bench, workload, policies[j], shares[i], &pct);
			put_value(data, known, pct);
		}
		fputc('\n', data);
	}
	fprintf(data, "\n\n");
}

static void share_script(struct plot *plot, const char **workloads, size_t nr_workloads,
			 const char **policies, size_t nr)
{
	begin_plot(plot, "shares", 1000, 760);
	put_names(plot->script, "panels", workloads, nr_workloads);
	put_names(plot->script, "policies", policies, nr);
	put_colours(plot->script, policies, nr);
	fprintf(plot->script,
		"nr = words(policies)\n"
		"panels = \"mean \".panels\n"
		"set xrange [80:20]\n"
		"set xtics (75, 50, 25)\n"
		"set yrange [*<0:1<*]\n"
		"set multiplot layout %zu,3 title "
		"\"Slowdown (per cent) by share of direct memory (per cent of the footprint)\"\n"
		"set key top left samplen 2\n"
		"do for [p=1:words(panels)] {\n"
		"\tset title word(panels, p)\n"
		"\tplot for [i=1:nr] \"shares.dat\" index p-1 using 1:(column(i+1)) \\\n"
		"\t\twith linespoints lw 2 pt 7 ps 0.7 lc rgb word(colours, i) \\\n"
		"\t\ttitle word(policies, i), \\\n"
		"\t\t0 notitle lc rgb \"#888888\"\n"
		"\tunset key\n"
		"}\n"
		"unset multiplot\n", (nr_workloads + 3) / 3);
	end_plot(plot);
}

static int plot_shares(struct plot *plot)
{
	size_t nr_workloads, nr_shares, nr;
	const char **workloads = bench_list_workloads(plot->bench, &nr_workloads);
	int *shares = bench_list_shares(plot->bench, &nr_shares);
	const char **policies = list_shared(plot->bench, shares, nr_shares, &nr);
	FILE *data = open_in(plot->folder, "shares.dat");

	if (data && nr) {
		qsort(shares, nr_shares, sizeof(*shares), compare_shares);
		share_data(plot->bench, data, NULL, shares, nr_shares, policies, nr);
		for (size_t i = 0; i < nr_workloads; i++)
			share_data(plot->bench, data, workloads[i], shares, nr_shares, policies,
				   nr);
		share_script(plot, workloads, nr_workloads, policies, nr);
	}
	free(workloads);
	free(shares);
	free(policies);
	return data && !fclose(data) ? 0 : -1;
}

int bench_write_plots(const struct bench *bench, const char *folder)
{
	struct plot plot = { .bench = bench, .folder = folder };
	int err;

	plot.script = open_in(folder, "plots.gp");
	if (!plot.script)
		return -1;
	fprintf(plot.script, "# Run in this folder: gnuplot plots.gp\n");
	err = plot_micro(&plot) || plot_orders(&plot) || plot_macro(&plot) || plot_shares(&plot);
	return fclose(plot.script) || err ? -1 : 0;
}
