/* Screens the addresses that stand on the command line, or one a line on standard input.
 *
 *     cc screen.c $(pkg-config --cflags --libs dyepack) -o screen
 *     ./screen my.tags 0x098b716b8aaf21512996dc57eb0615e2383e2f96
 *
 * The first argument is a store of `dyepack tag import`, a TagPack or OFAC's own list. (A bare list
 * of addresses does not say what it is a list of: import it with --category.)
 *
 * Exit code 3: somebody is of high risk; 1: nobody is, but something was no address, and what
 * nobody could look at must not pass for clean. */
#include <dyepack.h>

#include <stdio.h>
#include <string.h>

static int risky, unknown;

static void screen(const dyepack_screener *s, const char *address)
{
	dyepack_query query = {0};
	dyepack_verdict verdict;
	char reasons[4096];
	query.text = address;
	int code = dyepack_screen(s, &query, &verdict);
	if (code != DYEPACK_OK) {
		printf("%s: no address%s\n", address,
		       code == DYEPACK_BAD_CHECKSUM ? ": its checksum is wrong" : "");
		unknown++;
		return;
	}
	printf("%s: %s\n", address, dyepack_level_name(verdict.level));
	if (verdict.rule_count > 0 && dyepack_reasons(s, &verdict, reasons, sizeof reasons) > 0)
		printf("%s", reasons);
	if (verdict.level >= DYEPACK_HIGH) risky++;
}

int main(int argc, char **argv)
{
	dyepack_screener *s;
	dyepack_options options = {0};
	char error[DYEPACK_ERROR_MAX], line[256];
	const char *tags[1];
	if (argc < 2) {
		fprintf(stderr, "usage: screen TAGS [ADDRESS...]\n");
		return 2;
	}
	tags[0] = argv[1];
	options.size = sizeof options;
	options.tags = tags;
	options.tag_count = 1;
	if (dyepack_open(&s, &options, error, sizeof error) != DYEPACK_OK) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	for (int i = 2; i < argc; i++) screen(s, argv[i]);
	while (argc == 2 && fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\r\n")] = 0;
		screen(s, line);
	}
	dyepack_close(s);
	return risky > 0 ? 3 : unknown > 0;
}
