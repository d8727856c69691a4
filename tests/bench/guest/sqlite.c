// SPDX-License-Identifier: GPL-2.0
/*
 * sqlite.c - the workload sqlite: customers and their purchases in a database in memory.
 *
 * The timed section joins both tables as a whole, then asks for random customers' purchases
 * through an index, then for random purchases by number. Each purchase carries a note so that
 * four fill a page of the database; the checksum is over all rows returned. Usage: sqlite SCALE
 */
#include <stdio.h>

#include <sqlite3.h>

#include "control.h"

#define CUSTOMERS	8192
#define PURCHASES	65536
#define REGIONS		64
#define NOTE_BYTES	944
#define JOINS		2
/* Bounded as the requests of kv.c are: each customer's eight purchases lie on random pages. */
#define CUSTOMER_QUERIES 400
#define PURCHASE_QUERIES 4000
#define WARM_UP_PART	16
#define SEED		4

static const char schema[] =
	"CREATE TABLE customer(id INTEGER PRIMARY KEY, region INTEGER);"
	"CREATE TABLE purchase(id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER, note BLOB);"
	"CREATE INDEX purchase_customer ON purchase(customer);";

static const char join_text[] =
	"SELECT region, count(*), sum(cents) FROM purchase"
	" JOIN customer ON customer.id = purchase.customer GROUP BY region ORDER BY region";
static const char customer_text[] =
	"SELECT region, count(*), sum(cents) FROM customer"
	" JOIN purchase ON purchase.customer = customer.id WHERE customer.id = ?";
static const char purchase_text[] =
	"SELECT customer, cents, note FROM purchase WHERE id = ?";

struct database {
	sqlite3 *handle;
	sqlite3_stmt *join, *customer, *purchase;
	uint32_t customers, purchases;
	uint64_t state, checksum;
};

static void check(struct database *database, int is_good, const char *what)
{
	if (!is_good)
		control_die("sqlite: %s: %s", what, sqlite3_errmsg(database->handle));
}

static sqlite3_stmt *prepare(struct database *database, const char *text)
{
	sqlite3_stmt *statement;
	int result = sqlite3_prepare_v2(database->handle, text, -1, &statement, NULL);

	check(database, result == SQLITE_OK, "prepare");
	return statement;
}

static void execute(struct database *database, const char *text)
{
	int result = sqlite3_exec(database->handle, text, NULL, NULL, NULL);

	check(database, result == SQLITE_OK, text);
}

static void insert(struct database *database, sqlite3_stmt *statement)
{
	check(database, sqlite3_step(statement) == SQLITE_DONE, "insert");
	sqlite3_reset(statement);
}

static void fill_customers(struct database *database)
{
	sqlite3_stmt *statement = prepare(database, "INSERT INTO customer VALUES(?, ?)");

	for (uint32_t id = 0; id < database->customers; id++) {
		sqlite3_bind_int64(statement, 1, id);
		sqlite3_bind_int64(statement, 2, random_below(&database->state, REGIONS));
		insert(database, statement);
	}
	sqlite3_finalize(statement);
}

static void fill_purchases(struct database *database)
{
	sqlite3_stmt *statement = prepare(database, "INSERT INTO purchase VALUES(?, ?, ?, ?)");
	uint64_t note[NOTE_BYTES / sizeof(uint64_t)];

	for (uint32_t id = 0; id < database->purchases; id++) {
		for (size_t i = 0; i < sizeof(note) / sizeof(*note); i++)
			note[i] = next_random(&database->state);
		sqlite3_bind_int64(statement, 1, id);
		sqlite3_bind_int64(statement, 2,
				   random_below(&database->state, database->customers));
		sqlite3_bind_int64(statement, 3, random_below(&database->state, 100000));
		sqlite3_bind_blob(statement, 4, note, sizeof(note), SQLITE_STATIC);
		insert(database, statement);
	}
	sqlite3_finalize(statement);
}

/* The values are digested as they are, so that a wrong type changes the checksum too. */
static void digest_row(struct database *database, sqlite3_stmt *statement)
{
	int columns = sqlite3_column_count(statement);

	for (int column = 0; column < columns; column++) {
		sqlite3_int64 number;
		const void *data = &number;
		size_t bytes = sizeof(number);

		if (sqlite3_column_type(statement, column) == SQLITE_BLOB) {
			data = sqlite3_column_blob(statement, column);
			bytes = sqlite3_column_bytes(statement, column);
		} else {
			number = sqlite3_column_int64(statement, column);
		}
		database->checksum = control_hash(database->checksum, data, bytes);
	}
}

static void query(struct database *database, sqlite3_stmt *statement)
{
	int result;

	while ((result = sqlite3_step(statement)) == SQLITE_ROW)
		digest_row(database, statement);
	check(database, result == SQLITE_DONE, "query");
	sqlite3_reset(statement);
}

static void query_random(struct database *database, sqlite3_stmt *statement, uint32_t below,
			 unsigned int times)
{
	while (times--) {
		sqlite3_bind_int64(statement, 1, random_below(&database->state, below));
		query(database, statement);
	}
}

static void run_queries(struct database *database, unsigned int customers, unsigned int purchases)
{
	query_random(database, database->customer, database->customers, customers);
	query_random(database, database->purchase, database->purchases, purchases);
}

static void make_database(struct database *database, unsigned int scale)
{
	database->customers = scale * CUSTOMERS;
	database->purchases = scale * PURCHASES;
	check(database, sqlite3_open(":memory:", &database->handle) == SQLITE_OK, "open");
	execute(database, schema);
	execute(database, "BEGIN");
	fill_customers(database);
	fill_purchases(database);
	execute(database, "COMMIT");
	database->join = prepare(database, join_text);
	database->customer = prepare(database, customer_text);
	database->purchase = prepare(database, purchase_text);
}

int main(int argc, char **argv)
{
	struct database database = { .state = SEED };
	uint64_t start_ns, end_ns;
	unsigned int scale;

	if (argc != 2)
		control_die("usage: sqlite SCALE");
	scale = control_scale(argv[1]);
	make_database(&database, scale);
	control_loaded("sqlite");
	query(&database, database.join);
	run_queries(&database, CUSTOMER_QUERIES / WARM_UP_PART, PURCHASE_QUERIES / WARM_UP_PART);

	database.checksum = 0;
	start_ns = control_start("sqlite");
	for (unsigned int i = 0; i < JOINS; i++)
		query(&database, database.join);
	run_queries(&database, scale * CUSTOMER_QUERIES, scale * PURCHASE_QUERIES);
	end_ns = control_now_ns();
	control_result(end_ns - start_ns, database.checksum);
	return 0;
}
