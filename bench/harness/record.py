# SPDX-License-Identifier: Apache-2.0
"""Keeps a run: the tables, every single row, and a plot of each workload."""

import json

from harness import plot, tables, workloads


def write(path, text, about, rows):
    """Writes `text` into path, what was measured into .raw.json beside it, and plots."""
    path.write_text("\n".join(text) + "\n")
    path.with_suffix(".raw.json").write_text(raw(about, rows))
    for name in tables.unique(row["workload"] for row in rows):
        those = [row for row in rows if row["workload"] == name]
        picture = workloads.picture(name, those)
        if picture is not None:
            path.with_name(f"{path.stem}-{name}.svg").write_text(plot.svg(*picture))


def raw(about, rows):
    """JSON with one row to a line, so that diff can compare two runs."""
    head = json.dumps(about, ensure_ascii=False, indent=1).removesuffix("\n}")
    body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f'{head},\n "rows": [\n{body}\n]}}\n'
