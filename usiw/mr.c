// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Memory regions: what STags stand for, and access to the program's memory that
 * cannot end the process.
 *
 * Nothing pins memory here: the program may unmap what it has registered. So no
 * load or store of ours ever goes there, the kernel's copies do, and give an
 * error. Between sockets and program memory recv() and sendmsg() copy. What
 * arrived together with headers is in a file in memory (the stage) and goes on
 * by preadv(); what needs a CRC gets into another part of it by pwritev(). On
 * this machine preadv() takes 0.4 us for 64 octets and 3.6 us for 64 KiB; the
 * other candidates, process_vm_writev() and a pipe, 1.1 and 5.4, and 0.7 and
 * 9.7 us.
 *
 * Under usiw_lock().
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "priv.h"
#include "sys.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22	/* since Linux 5.14 */
#endif

#define STAGE_SIZE	(USIW_STAGE_HEAD + USIW_STAGE_LEN)
#define SCRATCH_OFF	(USIW_STAGES * STAGE_SIZE)
#define FILE_SIZE	(SCRATCH_OFF + USIW_SCRATCH)
#define TABLE_MIN	256u		/* the oldest of so many is used next */

static struct usiw_table mrs = { .max = USIW_MAX_MR };
static int stage_fd = -1;
static u8 *stages;

/* --- tables ------------------------------------------------------------ */

static void append_free(struct usiw_table *t, u32 i)
{
	t->slot[i] = 1;
	if (t->last)
		t->slot[t->last] = (uintptr_t)i << 1 | 1;
	else
		t->first = i;
	t->last = i;
}

static bool grow(struct usiw_table *t)
{
	u32 cnt = t->cnt ? 2 * t->cnt : TABLE_MIN;
	uintptr_t *slot;
	u32 i;

	/* index 0 is nobody's */
	if (cnt > t->max + 1)
		cnt = t->max + 1;
	if (cnt <= t->cnt)
		return false;
	slot = realloc(t->slot, cnt * sizeof(*slot));
	if (!slot)
		return false;
	t->slot = slot;
	i = t->cnt ? t->cnt : 1;
	t->slot[0] = 1;
	t->cnt = cnt;
	for (; i < cnt; i++)
		append_free(t, i);
	return true;
}

/**
 * usiw_table_add() - give an object a number
 * @t: table
 * @obj: object
 *
 * Return: number, 0 if there are too many.
 */
u32 usiw_table_add(struct usiw_table *t, void *obj)
{
	u32 i;

	if (!t->first && !grow(t))
		return 0;
	i = t->first;
	t->first = (u32)(t->slot[i] >> 1);
	if (!t->first)
		t->last = 0;
	t->slot[i] = (uintptr_t)obj;
	return i;
}

/**
 * usiw_table_find() - the object with a number
 * @t: table
 * @i: any value
 *
 * Return: the object or NULL.
 */
void *usiw_table_find(const struct usiw_table *t, u32 i)
{
	if (i >= t->cnt || t->slot[i] & 1)
		return NULL;
	return (void *)t->slot[i];
}

/**
 * usiw_table_del() - free a number
 * @t: table
 * @i: in use
 */
void usiw_table_del(struct usiw_table *t, u32 i)
{
	append_free(t, i);
}

/* --- registration ------------------------------------------------------ */

struct usiw_mr *usiw_mr_reg(struct usiw_pd *pd, u64 addr, u64 len, u64 iova,
			    u32 access, u8 key, u32 *stag)
{
	struct usiw_mr *mr;
	u32 i;

	if (len > U64_MAX - addr || len > U64_MAX - iova)
		return NULL;
	mr = calloc(1, sizeof(*mr));
	if (!mr)
		return NULL;
	i = usiw_table_add(&mrs, mr);
	if (!i) {
		free(mr);
		return NULL;
	}
	mr->pd = pd;
	mr->addr = addr;
	mr->len = len;
	mr->iova = iova;
	mr->rights = access & SIW_R_MASK;
	mr->stag = usiw_stag_name(i) << 8 | key;
	mr->valid = true;
	mr->ref = 1;
	*stag = mr->stag;
	return mr;
}

/**
 * usiw_mr_put() - give a reference back
 * @mr: region, or NULL
 */
void usiw_mr_put(struct usiw_mr *mr)
{
	if (mr && !--mr->ref)
		free(mr);
}

/* From now on nothing reads or writes there, whatever still refers to it. */
void usiw_mr_dereg(struct usiw_mr *mr)
{
	usiw_table_del(&mrs, usiw_stag_slot(mr->stag >> 8));
	mr->valid = false;
	usiw_io_keep_off(mr->addr, mr->len);
	usiw_mr_put(mr);
}

/* --- look-up and check ------------------------------------------------- */

/**
 * usiw_mr_find() - what an STag stands for
 * @stag: any value
 *
 * Return: the region, or NULL.
 */
struct usiw_mr *usiw_mr_find(u32 stag)
{
	struct usiw_mr *mr = usiw_table_find(&mrs, usiw_stag_slot(stag >> 8));

	return mr && mr->stag == stag ? mr : NULL;
}

/**
 * usiw_mr_view() - describe a region for the core's access check
 * @mr: region or NULL
 * @v: result
 */
void usiw_mr_view(const struct usiw_mr *mr, struct siw_mem_view *v)
{
	*v = (struct siw_mem_view){};
	if (!mr || !mr->valid)
		return;
	v->valid = true;
	v->rights = mr->rights;
	v->base = mr->iova;
	v->len = mr->len;
	v->pd = mr->pd;
}

/**
 * usiw_mr_get_sge() - look up and check the target of a scatter/gather element
 * @qp: whose work request it is
 * @sge: private copy of the element
 * @need: SIW_R_LOCAL_READ to gather, SIW_R_LOCAL_WRITE to scatter
 * @mr: result: the region with a reference, NULL unless SIW_ACC_OK; also NULL
 *	for an empty element
 *
 * Return: SIW_ACC_OK or what is wrong.
 */
enum siw_acc usiw_mr_get_sge(struct usiw_qp *qp, const struct siw_sge *sge,
			     u8 need, struct usiw_mr **mr)
{
	struct usiw_mr *found;
	struct siw_mem_view v;
	enum siw_acc acc;

	*mr = NULL;
	if (!sge->length)
		return SIW_ACC_OK;
	found = usiw_mr_find(sge->lkey);
	usiw_mr_view(found, &v);
	acc = siw_access_sge(&v, qp->a.pd, sge->laddr, sge->length, need);
	if (acc != SIW_ACC_OK)
		return acc;
	found->ref++;
	*mr = found;
	return SIW_ACC_OK;
}

/**
 * usiw_mr_ptr() - where an octet of a region is in this process
 * @mr: region
 * @to: as its user names it; was checked
 *
 * Return: address, for system calls only.
 */
void *usiw_mr_ptr(const struct usiw_mr *mr, u64 to)
{
	return (void *)(uintptr_t)(mr->addr + (to - mr->iova));
}

/* --- checked access ---------------------------------------------------- */

/* Return: false: some of it is not mapped or must not be read. */
static bool probe(u64 lo, u64 hi)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	u64 start = lo & ~(page - 1);

	if (!madvise((void *)(uintptr_t)start, hi - start, MADV_POPULATE_READ))
		return true;
	return errno == EINVAL || errno == EAGAIN;
}

/**
 * usiw_mr_readable() - can octets be read, as far as one can know in advance?
 * @mr: region
 * @to: first octet
 * @len: octets; the range was checked against the region
 *
 * An FPDU that TCP has the header of cannot be taken back when its payload
 * turns out to be unreadable. So it is tried before, once per piece of memory. For
 * what is unmapped later, or on an old kernel, the connection has to be reset.
 *
 * Return: false if not.
 */
bool usiw_mr_readable(struct usiw_mr *mr, u64 to, u32 len)
{
	u64 lo = (u64)(uintptr_t)usiw_mr_ptr(mr, to);
	u64 hi = lo + len;

	if (lo >= mr->read_lo && hi <= mr->read_hi)
		return true;
	if (!probe(lo, hi))
		return false;
	if (lo <= mr->read_hi && hi >= mr->read_lo && mr->read_hi) {
		mr->read_lo = lo < mr->read_lo ? lo : mr->read_lo;
		mr->read_hi = hi > mr->read_hi ? hi : mr->read_hi;
	} else {
		mr->read_lo = lo;
		mr->read_hi = hi;
	}
	return true;
}

/**
 * usiw_stage_init() - make the stages; they take memory when they are used
 *
 * Return: 0 or -errno.
 */
int usiw_stage_init(void)
{
	void *p;
	int fd;

	if (stages)
		return 0;
	fd = memfd_create("usiw-stage", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, FILE_SIZE)) {
		sys_close(fd);
		return -errno;
	}
	p = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		sys_close(fd);
		return -errno;
	}
	stage_fd = fd;
	stages = p;
	return 0;
}

/**
 * usiw_stage() - one of the stages
 * @i: which
 *
 * Return: its first octet.
 */
u8 *usiw_stage(u32 i)
{
	return stages + i * STAGE_SIZE;
}

/* The parent's: its engines go on to use them. */
void usiw_stage_forked(void)
{
	if (!stages)
		return;
	munmap(stages, FILE_SIZE);
	sys_close(stage_fd);
	stages = NULL;
	stage_fd = -1;
}

/**
 * usiw_copy_to() - octets of the stage to memory of the program
 * @to: where to
 * @cnt: elements of @to
 * @stage: first octet, within a stage
 * @len: octets, the sum of what @to holds
 *
 * Return: 0 or -EFAULT.
 */
int usiw_copy_to(const struct iovec *to, int cnt, const u8 *stage, u32 len)
{
	ssize_t n = preadv(stage_fd, to, cnt, stage - stages);

	return n == (ssize_t)len ? 0 : -EFAULT;
}

static int to_scratch(const struct iovec *from, int cnt, size_t *len)
{
	ssize_t n = pwritev(stage_fd, from, cnt, SCRATCH_OFF);
	int i;

	*len = 0;
	for (i = 0; i < cnt; i++)
		*len += from[i].iov_len;
	return n == (ssize_t)*len ? 0 : -EFAULT;
}

/**
 * usiw_crc_from() - continue a CRC32c over memory of the program
 * @from: where it is; not more than USIW_SCRATCH octets
 * @cnt: elements of @from
 * @crc: register, continued
 *
 * Return: 0 or -EFAULT.
 */
int usiw_crc_from(const struct iovec *from, int cnt, u32 *crc)
{
	size_t len;
	int rv = to_scratch(from, cnt, &len);

	if (!rv)
		*crc = siw_crc32c(*crc, stages + SCRATCH_OFF, len);
	return rv;
}

/**
 * usiw_copy_from() - copy memory of the program
 * @to: our own memory
 * @from: where it is; not more than USIW_SCRATCH octets
 * @cnt: elements of @from
 * @len: octets, the sum of what @from holds
 *
 * Return: 0 or -EFAULT.
 */
int usiw_copy_from(u8 *to, const struct iovec *from, int cnt, u32 len)
{
	size_t n;
	int rv = to_scratch(from, cnt, &n);

	if (!rv)
		memcpy(to, stages + SCRATCH_OFF, len);
	return rv;
}

/**
 * usiw_copy_in() - write to memory of the program
 * @to: where to
 * @from: our own memory
 * @len: octets, not more than USIW_SCRATCH
 *
 * Return: 0 or -EFAULT.
 */
int usiw_copy_in(void *to, const void *from, u32 len)
{
	struct iovec v = { .iov_base = to, .iov_len = len };

	memcpy(stages + SCRATCH_OFF, from, len);
	return usiw_copy_to(&v, 1, stages + SCRATCH_OFF, len);
}
