#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""What the suite has shown: requirement by requirement, for each device.

	report.py [-d FILE] [RESULTS...]

Prints a line for each requirement, and counts; RESULTS are files of run.py -o.
-d: writes docs/conformance.md there. Status 1 if the tables of this directory
contradict each other or the tree: a requirement that has neither a case nor a
line, a line for none, a test that does not exist.
"""

import argparse
import collections
import fnmatch
import importlib
import json
import os
import sys

import run
import suite

TOP = os.path.join(run.HERE, '..', '..')
TARGETS = tuple(run.TARGETS)
PROVEN_ELSEWHERE = ('unit', 'test')


def table(name, columns):
    with open(os.path.join(run.HERE, name), encoding='utf-8') as f:
        rows = [line.rstrip('\n').split('\t') for line in f
                if not line.startswith('#')]
    return [row + [''] * (columns - len(row)) for row in rows]


def text_of(*folders):
    out = ''
    for folder in folders:
        for name in sorted(os.listdir(os.path.join(TOP, folder))):
            path = os.path.join(TOP, folder, name)
            if os.path.isfile(path):
                with open(path, encoding='utf-8', errors='replace') as f:
                    out += f.read()
    return out


class Tables:
    def __init__(self):
        for name in run.MODULES:
            importlib.import_module(name)
        self.requirements = table('requirements.tsv', 4)
        self.ids = [row[0] for row in self.requirements]
        self.cases = collections.defaultdict(list)
        for case in suite.CASES:
            for id_ in case.ids:
                self.cases[id_].append(case.name)
        self.untested = {}
        self.patterns = table('untested.tsv', 4)
        for id_ in self.ids:
            for row in self.patterns:
                if fnmatch.fnmatch(id_, row[0]):
                    self.untested.setdefault(id_, row)
        self.diverges = dict(table('diverges.tsv', 2))

    def faults(self):
        """What is wrong with the tables themselves."""
        out = [f'{id_}: no such requirement' for id_ in
               {*self.cases, *self.diverges} - set(self.ids)]
        out += [f'{id_}: neither a case nor a line' for id_ in self.ids
                if id_ not in self.cases and id_ not in self.untested]
        out += [f'{row[0]}: a line for nothing' for row in self.patterns
                if row not in self.untested.values()]
        out += [f'{row[0]}: a case and a line that says there is none'
                for id_, row in self.untested.items()
                if id_ == row[0] and id_ in self.cases and
                row[1] not in PROVEN_ELSEWHERE]
        units = text_of('tests/unit', 'tests/sim', 'tests/usiw-unit')
        for row in self.patterns:
            if row[1] == 'unit':
                out += [f'{row[0]}: no test {name}' for name in row[2].split()
                        if f'TEST({name})' not in units]
            elif row[1] == 'test':
                path, word = row[2].split(':')
                with open(os.path.join(TOP, path), encoding='utf-8') as f:
                    if word not in f.read():
                        out.append(f'{row[0]}: no {row[2]}')
        with open(os.path.join(TOP, 'docs/divergences.md'),
                  encoding='utf-8') as f:
            listed = f.read()
        out += [f'{id_}: no row "{row}" in docs/divergences.md'
                for id_, row in self.diverges.items() if f'| {row}' not in listed]
        return out

    def verdict(self, id_, results):
        """Of the cases of a device for a requirement, in a word."""
        if results is None:
            return '-'
        whys = [results[name] for name in self.cases.get(id_, ())
                if name in results]
        if any(r['why'] for r in whys):
            return 'known fault' if all(r.get('known') for r in whys
                                        if r['why']) else 'FAILS'
        if whys:
            return 'diverges' if id_ in self.diverges else 'passes'
        kind = self.untested[id_][1] if id_ in self.untested else None
        if id_ in self.cases and kind not in PROVEN_ELSEWHERE:
            return 'not run'
        return {'unit': 'unit test', 'test': 'other test'}.get(kind, 'untested')

    def reason(self, id_):
        """What proves it, or why nothing does."""
        parts = []
        names = self.cases.get(id_, ())
        if names:
            parts.append(', '.join(f'`{name}`' for name in names[:3]) +
                         (f' and {len(names) - 3} more' if len(names) > 3
                          else ''))
        if id_ in self.diverges:
            parts.append(f'[{self.diverges[id_]}](divergences.md)')
        row = self.untested.get(id_)
        if row and (not names or row[1] in PROVEN_ELSEWHERE):
            proof = ', '.join(f'`{name}`' for name in row[2].split())
            parts.append(': '.join(filter(None, (
                proof or {'deploy': 'deployment', 'none': ''}.get(row[1], row[1]),
                row[3]))))
        return '; '.join(parts)


HEAD = '''# Conformance

Generated by `make conformance` from what the suite in `tests/conformance` has
shown: a scripted peer, which builds every octet itself, against the kernel-less
mode and against the module. Identifiers: MPA is RFC 5044, EMPA 6581, DDP 5041,
RDMAP 5040, EXT 7306, SEC 5042, IANA 6580. Levels are the RFCs'; DEC: a decision
where they are silent (D-nn), DEPL: up to those who deploy.

passes: all cases do. diverges: they show that we do what
[divergences.md](divergences.md) says instead. unit test, other test: not to be
seen from outside, or not here; the tests are named. untested: for the reason
given. known fault: a case fails, and why is known. -: not run.

'''


def escape(text):
    return text.replace('|', '\\|')


def document(tables, results, counts):
    lines = [HEAD, '| | ' + ' | '.join(TARGETS) + ' |\n',
             '|---|' + '---:|' * len(TARGETS) + '\n']
    for verdict in sorted({v for c in counts.values() for v in c}):
        lines.append(f'| {verdict} | ' + ' | '.join(
            str(counts[t][verdict]) for t in TARGETS) + ' |\n')
    cases = [len(r['cases']) if r else 0 for r in results.values()]
    lines.append('| cases that were run | ' + ' | '.join(map(str, cases)) +
                 ' |\n')
    lines.append('\n| requirement | level | | ' + ' | '.join(TARGETS) +
                 ' | case, or reason |\n|---|---|---|' +
                 '---|' * len(TARGETS) + '---|\n')
    for id_, _, level, text in tables.requirements:
        found = [tables.verdict(id_, r and r['cases'])
                 for r in results.values()]
        lines.append(f'| {id_} | {level} | {escape(text)} | ' +
                     ' | '.join(found) + f' | {escape(tables.reason(id_))} |\n')
    known = table('known.tsv', 3)
    if known:
        lines.append('\n## Known faults\n\n| case | device | |\n|---|---|---|\n')
        lines += [f'| `{a}` | {b} | {escape(c)} |\n' for a, b, c in known]
    return ''.join(lines)


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument('-d', '--document')
    parse.add_argument('-q', '--quiet', action='store_true')
    parse.add_argument('results', nargs='*')
    args = parse.parse_args()
    tables = Tables()
    results = dict.fromkeys(TARGETS)
    for name in args.results:
        with open(name, encoding='ascii') as f:
            found = json.load(f)
        results[found['target']] = found
    counts = {t: collections.Counter() for t in TARGETS}
    for id_, _, level, _ in tables.requirements:
        words = []
        for target, found in results.items():
            words.append(tables.verdict(id_, found and found['cases']))
            counts[target][words[-1]] += 1
        if not args.quiet:
            print(f'{id_:18} {level:6} ' +
                  ' '.join(f'{word:12}' for word in words))
    for target, found in results.items():
        if found:
            print(f'{target}: ' + ', '.join(
                f'{n} {word}' for word, n in sorted(counts[target].items())))
    faults = tables.faults()
    for fault in faults:
        print(f'{fault}', file=sys.stderr)
    if args.document:
        with open(args.document, 'w', encoding='utf-8') as f:
            f.write(document(tables, results, counts))
    sys.exit(bool(faults))


if __name__ == '__main__':
    main()
