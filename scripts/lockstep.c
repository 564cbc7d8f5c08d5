/*
 * lockstep: what `twomsl run --engine paired` does, in C and with nothing around it, to measure that engine by.
 *
 *   cc -O2 -pthread -o lockstep scripts/lockstep.c
 *   lockstep [--close client|server] [--how fin|linger=0] [--seconds N] [--workers N] [--batch N] [--bytes N]
 *            [--address A] [--port N] [--netns FILE]
 *
 * Each worker is a thread on a processor of its own. It opens a batch of connections (socket, connect, first write),
 * accepts and answers them, and takes them down from both ends; then the next batch. Whoever closes first does what --how
 * says, the other reads to the end of the stream before it closes. --netns is the listeners' network namespace
 * (/proc/PID/ns/net). Prints connections a second, processor time per connection, and the share of it in this program.
 * It sets nothing: the port range, tcp_tw_reuse and tcp_rfc1337 are those of the namespace that it runs in.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BATCH = 1024, MOST_WORKERS = 256, ROOM = 65536 };

static struct sockaddr_in to;
static int server_first, reset, workers, batch = 16, bytes = 64;
static double seconds = 1;
static pthread_barrier_t ready;

struct worker {
	pthread_t thread;
	int cpu, listener;
	long connections;
	double took;
};

static void die(const char *what)
{
	fprintf(stderr, "lockstep: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Nothing ready is no failure: over veth a packet may be handled a moment later. */
static ssize_t hear(int fd, char *room, size_t n)
{
	ssize_t got;
	while ((got = recv(fd, room, n, 0)) < 0 && errno == EAGAIN)
		sched_yield();
	if (got < 0 && errno != ECONNRESET)
		die("recv");
	return got;
}

static void say(int fd, const char *words)
{
	ssize_t n;
	while ((n = send(fd, words, bytes, MSG_NOSIGNAL)) < 0 && errno == EAGAIN)
		sched_yield();
	if (n != bytes)
		die("send");
}

static void end(int fd, int first)
{
	struct linger at_once = {1, 0};
	if (first && reset && setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) < 0)
		die("SO_LINGER");
	close(fd);
}

static int accepted(int listener)
{
	struct sockaddr_in6 from;
	socklen_t size = sizeof from;
	int fd;
	while ((fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
		if (errno != EAGAIN)
			die("accept");
		sched_yield();
		size = sizeof from;
	}
	return fd;
}

static void one_batch(struct worker *w, int *c, int *s, const char *words, char *room)
{
	for (int i = 0; i < batch; i++) {
		if ((c[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
			die("socket");
		if (connect(c[i], (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
			die("connect");
		say(c[i], words);
	}
	for (int i = 0; i < batch; i++) {
		s[i] = accepted(w->listener);
		hear(s[i], room, bytes + 1);
		say(s[i], words);
		if (server_first)
			end(s[i], 1);
	}
	for (int i = 0; i < batch; i++) {
		ssize_t got = hear(c[i], room, bytes + 1);
		if (server_first && got >= 0)
			hear(c[i], room, ROOM);
		end(c[i], !server_first);
	}
	for (int i = 0; i < batch && !server_first; i++) {
		hear(s[i], room, ROOM);
		end(s[i], 0);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int c[MOST_BATCH], s[MOST_BATCH];
	char *words = calloc(1, bytes), *room = malloc(ROOM);
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(w->cpu, &one);
	if (!words || !room || sched_setaffinity(0, sizeof one, &one) < 0)
		die("a worker");
	pthread_barrier_wait(&ready);
	double began = now();
	while (now() - began < seconds) {
		one_batch(w, c, s, words, room);
		w->connections += batch;
	}
	w->took = now() - began;
	return NULL;
}

static int listener(void)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof to) < 0 || listen(fd, 4096) < 0)
		die("listener");
	return fd;
}

/* A connection goes to the listener of the processor on which its SYN came in. Processors are taken to be 0, 1, 2 ... */
static void steer(int fd)
{
	struct sock_filter by_cpu[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, SKF_AD_OFF + SKF_AD_CPU}, {BPF_RET | BPF_A, 0, 0, 0},
	};
	struct sock_fprog program = {2, by_cpu};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
		die("SO_ATTACH_REUSEPORT_CBPF");
}

static void listen_there(struct worker *w, const char *netns)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (netns) {
		int there = open(netns, O_RDONLY | O_CLOEXEC);
		if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
			die(netns);
	}
	for (int i = 0; i < workers; i++) {
		w[i].cpu = i;
		w[i].listener = listener();
	}
	steer(w[0].listener);
	if (netns && setns(home, CLONE_NEWNET) < 0)
		die("the way back");
}

static void usage(void)
{
	fprintf(stderr, "usage: lockstep [--close client|server] [--how fin|linger=0] [--seconds N] [--workers N] [--batch N]\n"
			"                [--bytes N] [--address A] [--port N] [--netns FILE]\n");
	exit(2);
}

static const char *arguments(int n, char **v)
{
	const char *netns = NULL;
	for (int i = 1; i < n; i += 2) {
		const char *k = v[i], *x = i + 1 < n ? v[i + 1] : "";
		if (!strcmp(k, "--close") && (!strcmp(x, "client") || !strcmp(x, "server")))
			server_first = x[0] == 's';
		else if (!strcmp(k, "--how") && (!strcmp(x, "fin") || !strcmp(x, "linger=0")))
			reset = x[0] == 'l';
		else if (!strcmp(k, "--seconds") && atof(x) > 0)
			seconds = atof(x);
		else if (!strcmp(k, "--workers") && atoi(x) > 0 && atoi(x) <= MOST_WORKERS)
			workers = atoi(x);
		else if (!strcmp(k, "--batch") && atoi(x) > 0 && atoi(x) <= MOST_BATCH)
			batch = atoi(x);
		else if (!strcmp(k, "--bytes") && atoi(x) > 0 && atoi(x) < ROOM)
			bytes = atoi(x);
		else if (!strcmp(k, "--address") && inet_pton(AF_INET, x, &to.sin_addr) == 1)
			continue;
		else if (!strcmp(k, "--port") && atoi(x) > 0 && atoi(x) < 65536)
			to.sin_port = htons(atoi(x));
		else if (!strcmp(k, "--netns") && *x)
			netns = x;
		else
			usage();
	}
	return netns;
}

int main(int n, char **v)
{
	static struct worker w[MOST_WORKERS];
	double rate = 0, user, all;
	long connections = 0;
	struct rusage used;
	to.sin_family = AF_INET;
	to.sin_port = htons(8080);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	workers = sysconf(_SC_NPROCESSORS_ONLN);
	listen_there(w, arguments(n, v));
	pthread_barrier_init(&ready, NULL, workers);
	for (int i = 0; i < workers; i++)
		if ((errno = pthread_create(&w[i].thread, NULL, work, &w[i])))
			die("thread");
	for (int i = 0; i < workers; i++) {
		pthread_join(w[i].thread, NULL);
		rate += w[i].connections / w[i].took;
		connections += w[i].connections;
	}
	getrusage(RUSAGE_SELF, &used);
	user = used.ru_utime.tv_sec + used.ru_utime.tv_usec / 1e6;
	all = user + used.ru_stime.tv_sec + used.ru_stime.tv_usec / 1e6;
	printf("%.0f connections/s  %.1f us each  %.1f %% of it in this program\n", rate, all * 1e6 / connections, 100 * user / all);
	return 0;
}
