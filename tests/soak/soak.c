// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * soak NETNS DEVICE ADDRESS SECONDS: connections come and go for that long,
 * between this network namespace and NETNS (a file), where a server lives through
 * all of them at ADDRESS, and another one is killed now and then. Clients are
 * processes; they end as they like or are killed at any moment. DEVICE, of this
 * namespace, goes down for a moment now and then.
 *
 * soak NETNS DEVICE ADDRESS many NUMBER: that many connections at once, and what
 * they take.
 *
 * The status is 0 if nothing was wrong: no data, no hang, no error of a connection
 * whose ends were well, nothing left in the server.
 */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "soak.h"

#define AT_ONCE		6	/* clients */
#define WARM_UP_S	5	/* until tables are as large as they get */
#define PORT		7471	/* of the server that lives; the next: the other */
#define SETTLE_S	120	/* until a connection is over: TCP's patience */

struct totals *totals;
static const char *netns, *device, *address;
static pid_t server, fragile;

/* @ctl: the server's end, @other: ours; or -1. */
static pid_t start_server(uint16_t port, int ctl, int other)
{
	pid_t pid = fork();

	NEED(pid >= 0);
	if (!pid) {
		int fd = open(netns, O_RDONLY | O_CLOEXEC);

		NEED(fd >= 0 && !setns(fd, CLONE_NEWNET));
		if (other >= 0)
			close(other);
		serve(address, port, ctl);
	}
	return pid;
}

static pid_t start_client(int to_fragile)
{
	pid_t pid;

	rnd();			/* the next one's are others */
	pid = fork();
	NEED(pid >= 0);
	if (!pid)
		_exit(session(address, PORT + to_fragile, to_fragile));
	return pid;
}

/* How a client ended. */
static void account(int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		totals->killed++;
	} else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		totals->hung++;
		fprintf(stderr, "a client hangs\n");
	} else if (status) {
		totals->unexpected++;
		fprintf(stderr, "a client: status %#x\n", status);
	}
}

static void nap(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static void set_link(int fd, int up)
{
	struct ifreq r = {};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
	NEED(!ioctl(fd, SIOCGIFFLAGS, &r));
	if (up)
		r.ifr_flags |= IFF_UP;
	else
		r.ifr_flags &= ~IFF_UP;
	NEED(!ioctl(fd, SIOCSIFFLAGS, &r));
}

/* Process: the link flaps. */
static pid_t start_flapping(void)
{
	pid_t pid = fork();
	int fd;

	NEED(pid >= 0);
	if (pid)
		return pid;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	while (!totals->stop) {
		nap(3000 + rnd() % 8000);
		set_link(fd, 0);
		nap(20 + rnd() % 700);
		set_link(fd, 1);
		totals->flaps++;
	}
	_exit(0);
}

static void kill_fragile(void)
{
	int status;

	kill(fragile, SIGKILL);
	NEED(waitpid(fragile, &status, 0) == fragile);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		totals->unexpected++;
	totals->servers_killed++;
	fragile = start_server(PORT + 1, -1, -1);
}

static void churn(time_t end)
{
	pid_t clients[AT_ONCE] = {};
	int i, status, left = 0;

	while (time(NULL) < end || left) {
		for (i = 0; i < AT_ONCE; i++) {
			if (!clients[i] && time(NULL) < end) {
				clients[i] = start_client(rnd() % 4 == 0);
				left++;
			}
			if (!clients[i] ||
			    waitpid(clients[i], &status, WNOHANG) <= 0)
				continue;
			account(status);
			clients[i] = 0;
			left--;
		}
		nap(1 + rnd() % 5);
		i = rnd() % AT_ONCE;
		if (clients[i] && rnd() % 64 == 0)
			kill(clients[i], SIGKILL);
		if (rnd() % 512 == 0)
			kill_fragile();
	}
}

/*
 * Nobody is connected to the server. A client's death may have been told by a
 * single RST that was lost: then the server learns of it when it sends.
 */
static struct told settled(int ctl)
{
	struct told t = ask(ctl, ASK);
	int i;

	for (i = 0; t.conns && i < SETTLE_S * 10; i++) {
		nap(100);
		t = ask(ctl, i % 100 == 99 ? POKE : ASK);
	}
	return t;
}

static void report(void)
{
	int i;

	printf("%lu connections, %lu not made, %lu requests, %lu MiB, "
	       "%lu regions new\n", totals->connections, totals->refused,
	       totals->requests, totals->octets >> 20, totals->renewed);
	printf("%lu clients and %lu servers killed, %lu link flaps, "
	       "%lu connections ended by stale STags\n", totals->killed,
	       totals->servers_killed, totals->flaps, totals->stale);
	for (i = 0; i < WC_KINDS; i++)
		if (totals->wc[i])
			printf("%lu x %s\n", totals->wc[i],
			       ibv_wc_status_str(i));
	printf("%lu lost while accepted, %lu wrong, %lu hung, %lu failed "
	       "without a reason\n", totals->lost, totals->wrong, totals->hung,
	       totals->unexpected);
}

static int soak(int ctl, int seconds)
{
	struct told was, is;
	pid_t flapper;

	fragile = start_server(PORT + 1, -1, -1);
	flapper = start_flapping();
	churn(time(NULL) + WARM_UP_S + seconds / 20);
	was = settled(ctl);
	churn(time(NULL) + seconds);
	totals->stop = 1;
	waitpid(flapper, NULL, 0);
	is = settled(ctl);
	kill(fragile, SIGKILL);
	report();
	if (is.conns)
		printf("%lu connections left in the server\n", is.conns);
	return leaks(&was.usage, &is.usage) || is.conns || totals->wrong ||
	       totals->hung || totals->unexpected || !totals->requests;
}

static int soak_many(int ctl, int n)
{
	struct told was = settled(ctl), is;
	int status;
	pid_t pid = fork();

	NEED(pid >= 0);
	if (!pid)
		exit(many(address, PORT, n, ctl) != 0);
	NEED(waitpid(pid, &status, 0) == pid);
	is = settled(ctl);
	printf("server: descriptors %lu -> %lu, threads %lu -> %lu, "
	       "%lu connections left\n", was.usage.fds, is.usage.fds,
	       was.usage.threads, is.usage.threads, is.conns);
	return status || is.conns || is.usage.threads != was.usage.threads;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int pair[2], status, failed;

	if (argc < 5)
		return 2;
	netns = argv[1];
	device = argv[2];
	address = argv[3];
	setvbuf(stdout, NULL, _IOLBF, 0);
	NEED(!getrlimit(RLIMIT_NOFILE, &files));
	files.rlim_cur = files.rlim_max;
	NEED(!setrlimit(RLIMIT_NOFILE, &files));
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(totals != MAP_FAILED);
	NEED(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	server = start_server(PORT, pair[1], pair[0]);
	close(pair[1]);
	ask(pair[0], ASK);		/* it listens */
	if (!strcmp(argv[4], "many"))
		failed = argc == 6 ? soak_many(pair[0], atoi(argv[5])) : 2;
	else
		failed = soak(pair[0], atoi(argv[4]));
	close(pair[0]);
	if (waitpid(server, &status, 0) != server || status) {
		printf("the server: status %#x\n", status);
		failed = 1;
	}
	return failed;
}
