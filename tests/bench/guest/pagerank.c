// SPDX-License-Identifier: GPL-2.0
/*
 * pagerank.c - the workload pagerank: power iteration on a graph in compressed sparse rows.
 *
 * The rows are in-edges, so one iteration streams the edges (48 MiB) and gathers from one array
 * of ranks (8 MiB) mostly at popular and at near nodes. Ranks are doubles that are added in
 * a fixed order: the checksum is over their bits. Usage: pagerank SCALE
 */
#include "control.h"

#define NODES		(1u << 20)
#define MEAN_DEGREE	12
#define NEAR		2048	/* nodes */
#define ITERATIONS	2	/* each is slow to emulate: gathers miss the TLB */
#define DAMPING		0.85
#define SEED		2

struct graph {
	uint32_t nodes;
	uint32_t *first;	/* nodes + 1: where a node's in-edges begin */
	uint32_t *source;	/* of each edge */
	uint32_t *out_degree;
};

struct ranks {
	double *share;		/* rank over out-degree: what a node gives along each edge */
	double *next;
};

/*
 * Half of the links come from near by, the others by popularity: the fourth power of a uniform
 * number makes node k popular as k^-0.75, so that out-degrees fall with the power 2.33, near what
 * is found for links of the web.
 */
static uint32_t draw_source(uint64_t *state, uint32_t nodes, uint32_t node)
{
	uint64_t chance = next_random(state);
	uint64_t popular = chance >> 32;

	if (chance & 1)
		return (node + nodes + (chance >> 32) % (2 * NEAR) - NEAR) % nodes;
	popular = (popular * popular) >> 32;
	popular = (popular * popular) >> 32;
	return (popular * nodes) >> 32;
}

static void make_graph(struct graph *graph, uint32_t nodes)
{
	uint64_t state = SEED;
	uint32_t edge = 0;

	graph->nodes = nodes;
	graph->first = control_alloc((size_t)nodes + 1, sizeof(*graph->first));
	graph->out_degree = control_alloc(nodes, sizeof(*graph->out_degree));
	for (uint32_t node = 0; node < nodes; node++) {
		graph->first[node] = edge;
		edge += 1 + random_below(&state, 2 * MEAN_DEGREE - 1);
	}
	graph->first[nodes] = edge;

	graph->source = control_alloc(edge, sizeof(*graph->source));
	for (uint32_t node = 0; node < nodes; node++) {
		for (uint32_t i = graph->first[node]; i < graph->first[node + 1]; i++) {
			graph->source[i] = draw_source(&state, nodes, node);
			graph->out_degree[graph->source[i]]++;
		}
	}
}

static void make_ranks(const struct graph *graph, struct ranks *ranks)
{
	ranks->share = control_alloc(graph->nodes, sizeof(double));
	ranks->next = control_alloc(graph->nodes, sizeof(double));
	for (uint32_t node = 0; node < graph->nodes; node++)
		if (graph->out_degree[node])
			ranks->share[node] = 1.0 / graph->nodes / graph->out_degree[node];
}

/* Nodes that link nowhere give to all alike, as if they linked to every node. */
static void iterate(const struct graph *graph, struct ranks *ranks)
{
	double dangling = 0, base;

	for (uint32_t node = 0; node < graph->nodes; node++) {
		double sum = 0;

		for (uint32_t i = graph->first[node]; i < graph->first[node + 1]; i++)
			sum += ranks->share[graph->source[i]];
		ranks->next[node] = DAMPING * sum;
		if (!graph->out_degree[node])
			dangling += ranks->next[node];
	}

	base = (1 - DAMPING + DAMPING * dangling) / graph->nodes;
	for (uint32_t node = 0; node < graph->nodes; node++) {
		ranks->next[node] += base;
		if (graph->out_degree[node])
			ranks->share[node] = ranks->next[node] / graph->out_degree[node];
	}
}

int main(int argc, char **argv)
{
	struct graph graph;
	struct ranks ranks;
	uint64_t start_ns, end_ns;

	if (argc != 2)
		control_die("usage: pagerank SCALE");
	make_graph(&graph, NODES * control_scale(argv[1]));
	make_ranks(&graph, &ranks);
	control_loaded("pagerank");
	iterate(&graph, &ranks);

	start_ns = control_start("pagerank");
	for (unsigned int i = 0; i < ITERATIONS; i++)
		iterate(&graph, &ranks);
	end_ns = control_now_ns();

	control_result(end_ns - start_ns,
		       control_hash(0, ranks.next, graph.nodes * sizeof(double)));
	return 0;
}
