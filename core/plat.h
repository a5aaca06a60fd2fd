/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What the protocol core needs from its surroundings: integer types, byte
 * order, CRC32c and a check for bugs of the caller. This is the only file of
 * the core that knows whether it is built into the kernel.
 */
#ifndef SIW_CORE_PLAT_H
#define SIW_CORE_PLAT_H

#ifdef __KERNEL__

#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

/* A bug of the caller: said once, and true is returned so that the machine
 * that was misused can stop.
 */
#define SIW_MISUSE(x)	WARN_ON_ONCE(x)

static inline u32 siw_crc32c(u32 crc, const void *p, size_t len)
{
	return crc32c(crc, p, len);
}

#else /* user space */

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#ifndef U32_MAX
#define U32_MAX		((u32)~0U)
#define U64_MAX		((u64)~0ULL)
#endif

#ifndef __force
#ifdef __CHECKER__
#define __force		__attribute__((force))
#else
#define __force
#endif
#endif

#ifndef likely
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#endif

#define cpu_to_be16(x)	((__force __be16)htobe16(x))
#define cpu_to_be32(x)	((__force __be32)htobe32(x))
#define cpu_to_be64(x)	((__force __be64)htobe64(x))
#define cpu_to_le32(x)	((__force __le32)htole32(x))
#define be16_to_cpu(x)	be16toh((__force u16)(x))
#define be32_to_cpu(x)	be32toh((__force u32)(x))
#define be64_to_cpu(x)	be64toh((__force u64)(x))
#define le32_to_cpu(x)	le32toh((__force u32)(x))

#define SIW_MISUSE(x)	({ bool bug_ = (x); assert(!bug_); bug_; })

/**
 * siw_crc32c() - continue a CRC32c
 * @crc: register so far; ~0 to begin
 * @p: octets
 * @len: number of octets
 *
 * Context: any.
 * Return: the register, not inverted. siw_fpdu_crc() makes the wire form.
 * RFC 5044 §4.4
 */
u32 siw_crc32c(u32 crc, const void *p, size_t len);

/**
 * siw_crc32c_soft() - the same without the CPU's instruction
 * @crc: register so far; ~0 to begin
 * @p: octets
 * @len: number of octets
 *
 * Context: any.
 * Return: the register, not inverted.
 * RFC 5044 §4.4
 */
u32 siw_crc32c_soft(u32 crc, const void *p, size_t len);

#endif /* __KERNEL__ */
#endif
