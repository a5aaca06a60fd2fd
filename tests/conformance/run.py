#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Run the conformance suite against one device.

	run.py [-t usiw|siw.ko] [-o FILE] [-j N] [-k PATTERN,...] [-w PID]
		ADDRESS PROGRAM...

PROGRAM is tests/guest/weak/dut.c, built, with what it is to be run under before
it (`siw run`). One line a case, "ok NAME", "not ok NAME - why" or "skip NAME -
why"; what came out goes to FILE as JSON, for report.py. Settings of a device are those of its
directory in sysfs with siw.ko; usiw's are in the environment of the program.

Cases run beside each other, as most of them wait most of the time; with siw.ko,
those that need the same settings. With usiw those that do no more than wait
(idle) run beside all others. Nothing outlives this program, however it ends;
with -w, it ends with the process PID.
"""

import argparse
import concurrent.futures
import fnmatch
import glob
import importlib
import json
import os
import select
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'wire')]

import suite					# noqa: E402

MODULES = ('mpa_startup', 'mpa_enhanced', 'mpa_matrix', 'mpa_fpdu', 'mpa_markers',
           'mpa_teardown', 'tcp', 'ddp_tagged', 'ddp_untagged', 'rdmap_read',
           'rdmap_terminate', 'messages', 'verbs', 'security')


class Usiw:
    names = {'crc': 'SIW_CRC', 'markers': 'SIW_MARKERS', 'rev': 'SIW_MPA_REV',
             'p2p': 'SIW_PEER_TO_PEER', 'rtr': 'SIW_RTR_MASK'}

    def env(self, settings):
        return {**os.environ, 'SIW_VERBOSE': '0',
                **{self.names[k]: str(v) for k, v in settings.items()}}

    def groups(self, cases):
        return [cases]

    def idle(self, cases):
        return [c for c in cases if c.idle]

    def set(self, settings):
        pass


class Kernel:
    names = {'crc': 'crc_required', 'markers': 'markers_wanted',
             'rev': 'mpa_rev', 'p2p': 'peer_to_peer', 'rtr': 'rtr'}

    def env(self, _):
        return None

    def groups(self, cases):
        """Of the same settings."""
        of = {}
        for case in cases:
            of.setdefault(str(case.settings), []).append(case)
        return list(of.values())

    def idle(self, _):
        """The settings of others would be theirs, too."""
        return []

    def set(self, settings):
        values = {'crc_strict': 0,
                  **{self.names[k]: v for k, v in settings.items()}}
        for name, value in values.items():
            for file in glob.glob(f'/sys/class/infiniband/*/settings/{name}'):
                with open(file, 'w', encoding='ascii') as f:
                    f.write(f'{value}\n')


TARGETS = {'usiw': Usiw, 'siw.ko': Kernel}


def known(target):
    """Cases that fail, and why."""
    with open(os.path.join(HERE, 'known.tsv'), encoding='utf-8') as f:
        rows = [line.rstrip('\n').split('\t') for line in f
                if not line.startswith('#')]
    return {row[0]: row[2] for row in rows if row[1] == target}


class Run:
    def __init__(self, args):
        self.args, self.target = args, TARGETS[args.target]()
        self.results, self.known = {}, known(args.target)
        self.devices = set()

    def one(self, case):
        dev = suite.Device(self.args.program, self.args.address,
                           self.target.env(case.settings))
        why, begin = None, time.time()
        self.devices.add(dev)
        try:
            dev.begin()
            case.run(dev)
            dev.serves()
        except suite.Skip as reason:
            self.skip(case, str(reason))
            return
        except Exception as error:	# of any kind: the case has failed
            why = f'{type(error).__name__}: {error}' \
                if not isinstance(error, suite.Wrong) else str(error)
            if self.args.verbose:
                print('\n'.join(['    ' + line[:200] for line in dev.lines[-20:]]))
        finally:
            dev.end()
            self.devices.discard(dev)
        self.result(case, why and ' '.join(why.split())[:300],
                    time.time() - begin)

    def result(self, case, why, seconds):
        expected = self.known.get(case.name)
        if expected and not why:
            why, expected = 'a known fault is none any more: known.tsv', None
        self.results[case.name] = {'ids': case.ids, 'why': why,
                                   'known': bool(why and expected),
                                   'seconds': round(seconds, 2)}
        say(f'skip {case.name} - known fault: {expected} ({why})'
            if expected else
            f'not ok {case.name} - {why}' if why else f'ok {case.name}')

    def skip(self, case, why):
        say(f'skip {case.name} - {why}')

    def end_all(self, *_):
        """Of a signal: our side and all that belongs to it."""
        for dev in list(self.devices):
            if dev.process:
                dev.process.kill()
        os._exit(1)

    def side_by_side(self, cases):
        cases = sorted(cases, key=lambda case: not (case.long or case.idle))
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            list(pool.map(self.one, cases))

    def all(self, cases):
        idle = self.target.idle(cases)
        with concurrent.futures.ThreadPoolExecutor(len(idle) + 1) as pool:
            waiting = [pool.submit(self.one, case) for case in idle]
            self.busy([c for c in cases if c not in idle])
            for case in waiting:
                case.result()

    def busy(self, cases):
        for group in self.target.groups([c for c in cases if not c.alone]):
            if group:
                self.target.set(group[0].settings)
                self.side_by_side(group)
        for case in (c for c in cases if c.alone):
            self.target.set(case.settings)
            self.one(case)
        self.target.set(suite.SETTINGS)


def say(line):
    sys.stdout.write(line + '\n')
    sys.stdout.flush()


def end_with(pid):
    """A process that is killed cannot tell us to end."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        os.kill(os.getpid(), signal.SIGTERM)
        return

    def wait():
        select.select([fd], [], [])
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Thread(target=wait, daemon=True).start()


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument('-t', '--target', choices=TARGETS, default='usiw')
    parse.add_argument('-o', '--output')
    parse.add_argument('-j', '--jobs', type=int, default=12)
    parse.add_argument('-k', '--only', default='*')
    parse.add_argument('-v', '--verbose', action='store_true')
    parse.add_argument('-w', '--with-process', type=int)
    parse.add_argument('address')
    parse.add_argument('program', nargs=argparse.REMAINDER)
    args = parse.parse_args()
    for name in MODULES:
        importlib.import_module(name)
    run = Run(args)
    for what in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(what, run.end_all)
    if args.with_process:
        end_with(args.with_process)
    patterns = args.only.split(',')
    run.all([c for c in suite.CASES
             if any(fnmatch.fnmatch(c.name, p) for p in patterns)])
    if args.output:
        with open(args.output, 'w', encoding='ascii') as f:
            json.dump({'target': args.target, 'cases': run.results}, f,
                      indent=1, sort_keys=True)
    sys.exit(any(r['why'] and not r['known'] for r in run.results.values()))


if __name__ == '__main__':
    main()
