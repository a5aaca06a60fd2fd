// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 *	fuzz-abi ADDRESS SECONDS [SEED]
 *
 * Starts workers for so long, as the user nobody, each with a seed of its own,
 * which is printed; kills those that have had their time. With a SEED, and no
 * SECONDS (0), that one worker only. Status 1 after "why: ..." when a process
 * cannot be killed or the device does not work afterwards.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../weak/weak.h"
#include "abi.h"

#define WORKERS		2
#define WORKER_MS	8000	/* at most, before it is killed */
#define KILLED_MS	30000	/* then it must be gone */

struct slot {
	pid_t pid;
	uint64_t since, seed;
	bool killed;
};

static struct slot slots[WORKERS];
static unsigned int started, connected, crashed;
static int news[2];		/* a worker says that it is connected */

static void drop_rights(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	if (!getuid() && (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
		fail("cannot become nobody: %m");
	/* setuid() makes the files of this process root's */
	prctl(PR_SET_DUMPABLE, 1);
}

static void start(struct slot *s, const char *addr, uint64_t seed)
{
	printf("worker %u: seed %llu\n", ++started, (unsigned long long)seed);
	s->seed = seed;
	s->since = now_ms();
	s->killed = false;
	s->pid = fork();
	need(s->pid >= 0, "fork: %m");
	if (s->pid)
		return;
	dup2(news[1], 1);
	worker(addr, seed);
	_exit(0);
}

/* Return: true while there is a worker in the slot. */
static bool look_after(struct slot *s)
{
	uint64_t age = now_ms() - s->since;
	int status;

	if (!s->pid)
		return false;
	if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
		crashed += !s->killed &&
			   (WIFSIGNALED(status) || WEXITSTATUS(status) == 3);
		s->pid = 0;
		return false;
	}
	if (age > WORKER_MS && !s->killed) {
		kill(s->pid, SIGKILL);
		s->killed = true;
		s->since = now_ms();
	} else if (s->killed && age > KILLED_MS) {
		fail("the worker with seed %llu does not die",
		     (unsigned long long)s->seed);
	}
	return true;
}

static void count_connected(void)
{
	char buf[4096];
	ssize_t n, i;

	while ((n = read(news[0], buf, sizeof(buf))) > 0)
		for (i = 0; i < n; i++)
			connected += buf[i] == '\n';
}

int main(int argc, char **argv)
{
	struct rnd r = { 0 };
	uint64_t end;
	bool busy;
	int i;

	if (argc < 3) {
		fprintf(stderr, "usage: %s ADDRESS SECONDS [SEED]\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	drop_rights();
	end = now_ms() + 1000ull * strtoul(argv[2], NULL, 0);
	r.x = argc > 3 ? strtoull(argv[3], NULL, 0) : now_ms() ^ getpid() << 20;
	printf("seed %llu\n", (unsigned long long)r.x);
	need(!pipe2(news, O_CLOEXEC | O_NONBLOCK), "pipe: %m");
	if (now_ms() >= end)
		start(&slots[0], argv[1], r.x);
	do {
		busy = false;
		for (i = 0; i < WORKERS; i++) {
			busy |= look_after(&slots[i]);
			if (!slots[i].pid && now_ms() < end)
				start(&slots[i], argv[1], rnd64(&r) | 1);
		}
		count_connected();
		usleep(20000);
	} while (busy || now_ms() < end);
	printf("%u workers, %u connected, %u crashed\n", started, connected,
	       crashed);
	need(connected * 2 > started, "only %u of %u workers got a connection",
	     connected, started);
	check_device(argv[1]);
	return 0;
}
