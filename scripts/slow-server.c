/* A server that works for so many rounds on each connection: `slow-server PORT ROUNDS`. One thread, one connection at a
 * time, HTTP/1.1: it closes first where it is asked to ("Connection: close"), and else after the client. It is what
 * scripts/gate-alarms slows down. `slow-server rounds` prints how many nanoseconds a round takes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t sink;

static void work(long rounds) {
	uint64_t x = 88172645463325252u;
	for (long i = 0; i < rounds; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; }
	sink = x;
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void serve(int c, long rounds) {
	static const char keep[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwell\n";
	static const char last[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwell\n";
	char b[4096];
	size_t n = 0;
	ssize_t got;
	do {
		if (n == sizeof b - 1 || (got = read(c, b + n, sizeof b - 1 - n)) <= 0) { close(c); return; }
		b[n += got] = 0;
	} while (!strstr(b, "\r\n\r\n"));
	work(rounds);
	int first = strstr(b, "Connection: close") != NULL;
	if (write(c, first ? last : keep, first ? sizeof last - 1 : sizeof keep - 1) < 0) { close(c); return; }
	if (first) shutdown(c, SHUT_WR);
	while (read(c, b, sizeof b) > 0) {}
	close(c);
}

int main(int argc, char **argv) {
	if (argc == 2 && !strcmp(argv[1], "rounds")) {
		const long n = 200000000;
		double began = now();
		work(n);
		printf("%.4f\n", (now() - began) / n);
		return 0;
	}
	if (argc != 3) { fprintf(stderr, "slow-server PORT ROUNDS\n"); return 2; }
	int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_ANY)};
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (l < 0 || bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 1024)) { perror("slow-server"); return 1; }
	for (;;) {
		int c = accept(l, NULL, NULL);
		if (c >= 0) serve(c, atol(argv[2]));
	}
}
