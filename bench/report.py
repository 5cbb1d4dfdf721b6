"""The results of bench/measure.py as tables, as a chart and as the dated part of docs/performance.md. Ratios first: they
are made within each round, and hold where the figures themselves do not (another machine, another day)."""

import statistics
from xml.sax.saxutils import escape

from servers import FIRSTRING, TITLES

BEGIN = "<!-- Measured: `./dev bench --write` replaces what stands from here to the end mark. -->"
END = "<!-- End of what was measured. -->"

TITLE_OF_GROUP = {
    "full": "Full handshake with client certificate, one GET",
    "resumed": "Resumed handshake, one GET",
    "requests": "GET on an open connection",
    "memory": "Memory of a connection",
}
SHORT_GROUP = {"full": "full", "resumed": "resumed", "requests": "GET", "memory": "memory"}

# At most this part of what the peer needs as packaged, by group and row ("": each row).
TARGETS = {
    ("full", "TLS 1.0 DHE 1024"): {"nginx": 0.6},
    ("full", "TLS 1.0 RSA"): {"nginx": 0.75},
    ("full", "TLS 1.2 ECDHE P-256"): {"nginx": 0.75},
    ("resumed", ""): {"nginx": 0.75},
    ("requests", ""): {"nginx": 1.0},
    ("memory", ""): {"nginx": 1.0},
}


def _ours(row):
    return next(iter(row["values"][FIRSTRING].values()))


def _peers(rows):
    found = {name: None for row in rows for name in row["values"] if name != FIRSTRING}
    return list(found)


def _usual(row, peer):
    """The figures of the setting that comes first: as packaged. None where it cannot do it."""
    settings = row["values"].get(peer)
    return next(iter(settings.values())) if settings else None


def _best(row, peer):
    settings = row["values"].get(peer)
    return min(settings.values(), key=statistics.median) if settings else None


def _ratios(row, theirs):
    return [a / b for a, b in zip(_ours(row), theirs)] if theirs else []


def _spread(values, digits):
    text = f"{statistics.median(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def _table(heading, lines):
    widths = [max(len(line[i]) for line in (heading, *lines)) for i in range(len(heading))]

    def shown(cells):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([shown(heading), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(shown, lines)])


def _label(row):
    return f"{SHORT_GROUP[row['group']]}: {row['name']}"


def _compared(results):
    return [row for row in results["rows"] if row["group"] in TITLE_OF_GROUP]


def _ratio_table(rows):
    peers = _peers(rows)
    heading = ["Firstring as a fraction of"]
    heading += [f"{TITLES[peer]}, usual" for peer in peers] + [f"{TITLES[peer]}, best" for peer in peers]
    counted = any(row["instructions"].get(peer) for row in rows for peer in peers)
    heading += ["nginx, instructions"] if counted else []
    lines = []
    for row in rows:
        line = [_label(row)]
        for choose in _usual, _best:
            line += [_spread(ratios, 2) if (ratios := _ratios(row, choose(row, peer))) else "-" for peer in peers]
        if counted:
            counts = row["instructions"]
            line.append(f"{counts[FIRSTRING] / counts['nginx']:.2f}" if "nginx" in counts else "-")
        lines.append(line)
    return _table(heading, lines)


def _figure_tables(rows):
    """For each group of rows a table with a column for each contestant and setting; last, the instructions."""
    tables = []
    for group, unit in dict.fromkeys((row["group"], row["unit"]) for row in rows):
        of_group = [row for row in rows if (row["group"], row["unit"]) == (group, unit)]
        columns = list(dict.fromkeys((name, setting) for row in of_group for name, settings in row["values"].items() for setting in settings))
        digits = 1 if group == "memory" else 3
        lines = [
            [_label(row)] + [_spread(row["values"][name][setting], digits) if setting in row["values"].get(name, {}) else "-" for name, setting in columns]
            for row in of_group
        ]
        tables.append(_table([unit] + [f"{TITLES[name]}, {setting}" for name, setting in columns], lines))
    if counted := [row for row in rows if row["instructions"]]:
        names = list(dict.fromkeys(name for row in counted for name in row["instructions"]))
        lines = [
            [_label(row)] + [f"{row['instructions'][name] / 1e6:.2f} M" if name in row["instructions"] else "-" for name in names]
            for row in counted
        ]
        tables.append(_table(["instructions"] + [TITLES[name] for name in names], lines))
    return tables


def targets_met(results):
    """[(sentence, whether it is met)]."""
    found = []
    for row in _compared(results):
        targets = TARGETS.get((row["group"], row["name"])) or TARGETS.get((row["group"], "")) or {}
        for peer, most in targets.items():
            ratios = _ratios(row, _usual(row, peer))
            if ratios:
                ratio = statistics.median(ratios)
                found.append((f"{_label(row)}: {ratio:.2f} of {TITLES[peer]}, at most {most} wanted", ratio <= most))
    for row in results["rows"]:
        if row["group"] == "startup":
            value = statistics.median(_ours(row))
            most = 2 if row["unit"] == "s" else 200
            found.append((f"{row['name']}: {value:.2f} {row['unit']}, under {most} wanted", value < most))
        if row["group"] == "linear":
            worst = max(abs(one - 1) for one in _of_the_first(row).values())
            found.append((f"cost of a phone among many: {worst:.0%} off that among few, within 15% wanted", worst <= 0.15))
        if row["group"] == "storm":
            storm = _ours(row)[0]
            said = f"storm of {row['name']}: {storm['served']:,} served in {storm['ratio']:.3f} of the least time, all in at most 1.2 wanted"
            found.append((said, storm["served"] == storm["phones"] and storm["ratio"] <= 1.2))
    return found


def _of_the_first(row):
    """{setting: its figure as a fraction of the first setting's: the median of the rounds}."""
    settings = row["values"][FIRSTRING]
    first = next(iter(settings.values()))
    return {name: statistics.median(one / few for one, few in zip(values, first, strict=True)) for name, values in settings.items()}


def _linear_table(row):
    ratios = _of_the_first(row)
    lines = [[count, _spread(values, 3), f"{ratios[count]:.2f}"] for count, values in row["values"][FIRSTRING].items()]
    return _table(["phones in flight", row["unit"], "fraction of the first"], lines)


def _startup_table(rows):
    return _table(["", "median (least..most)"], [[row["name"], f"{_spread(_ours(row), 2)} {row['unit']}"] for row in rows])


_FAILED = ["refused", "reset", "closed", "tls_failed", "other_status", "bad_answer"]


def _storm_table(row):
    lines = []
    for name, settings in row["values"].items():
        for setting, (storm,) in settings.items():
            all_served = storm["served"] == storm["phones"]
            lines.append([
                TITLES[name], setting, f"{storm['served']:,}", f"{sum(storm[one] for one in _FAILED):,}",
                f"{storm['timed_out'] + storm['abandoned']:,}",
                f"{storm['until_served_us'] / 1e6:.1f} s" if all_served else "never all",
                f"{storm['ratio']:.3f}" if all_served else "-",
                f"{storm['added']['p50_us'] / 1e6:.2f} s", f"{storm['added']['p99_us'] / 1e6:.2f} s", f"{storm['cpu_ms']:.2f} ms",
            ])  # fmt: skip
    heading = ["", "setting", "served", "turned away", "still waiting", "until the last", "of the least", "each, median", "each, p99", "CPU a phone"]
    return _table(heading, lines)


def _facts(results):
    facts = ", ".join(f"{name} {value}" if name != "date" else str(value) for name, value in results["facts"].items())
    size = results["size"]
    return f"{facts}. For each contestant, setting and row: {size['rounds']} times {size['handshakes']} handshakes."


def text(results):
    parts = [_facts(results)]
    if rows := _compared(results):
        parts += [
            "Firstring's cost as a fraction of the peer's: median of the rounds (least..most); below 1, Firstring needs less. "
            "Usual: as Debian packages the peer, clients may resume. Best: the cheapest setting that was tried.",
            _ratio_table(rows),
        ]
    of_group = lambda group: [row for row in results["rows"] if row["group"] == group]
    for row in of_group("linear"):
        parts += [f"Cost of a phone: {row['name']}.", _linear_table(row)]
    if rows := of_group("startup"):
        parts += ["Start.", _startup_table(rows)]
    for row in of_group("storm"):
        parts += [
            f"Storm: {row['name']}; ended after {results['size']['patience']:g} s. Least: the last arrival and its computing. Each: from "
            "connect to the whole answer, less the phone's own computing.",
            _storm_table(row),
        ]
    if found := targets_met(results):
        parts.append("Against the targets:")
        parts.append("\n".join(f"- {'met' if met else 'MISSED'}: {sentence}" for sentence, met in found))
    if rows := _compared(results):
        parts += ["The figures behind the ratios: median (least..most).", *_figure_tables(rows)]
    return "\n\n".join(parts)


# ---- chart ----------------------------------------------------------------------------------------------------------

_COLOURS = {"nginx": "#2e7d4f", "haproxy": "#2b6cb0", "apache": "#b0522b"}
_LEFT, _WIDTH, _BAR, _GAP, _TOP = 330, 560, 13, 14, 96
_FONT = 'font-family="DejaVu Sans, Verdana, sans-serif"'


def chart(results):
    """Bars of the ratios to each peer as packaged; a dark tick for the ratio to its cheapest setting."""
    rows, peers = _compared(results), _peers(_compared(results))
    largest = max([1.0, *(statistics.median(_ratios(row, _usual(row, peer)) or [0]) for row in rows for peer in peers)])
    scale = _WIDTH / (largest * 1.08)
    out, y = [], _TOP

    def write(x, y, what, size=12, colour="#222", anchor="start", weight="normal"):
        out.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}" {_FONT}>'
            f"{escape(what)}</text>"
        )

    group = None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            y += 16
            write(16, y, TITLE_OF_GROUP[group], 13, weight="bold")
            y += 12
        write(_LEFT - 12, y + _BAR * len(peers) / 2 + 4, row["name"], anchor="end")
        for peer in peers:
            ratios, best = _ratios(row, _usual(row, peer)), _ratios(row, _best(row, peer))
            if ratios:
                length = statistics.median(ratios) * scale
                out.append(f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 2}" fill="{_COLOURS[peer]}"/>')
                mark = _LEFT + statistics.median(best) * scale
                out.append(f'<rect x="{mark - 1:.1f}" y="{y - 1}" width="2.5" height="{_BAR}" fill="#111"/>')
                write(_LEFT + length - 5, y + _BAR - 4, f"{statistics.median(ratios):.2f}", 10, "#fff", anchor="end")
            else:
                write(_LEFT + 6, y + _BAR - 4, f"{TITLES[peer]}: does not do it", 10, "#777")
            y += _BAR
        y += _GAP
    one = _LEFT + scale
    height = y + 24
    width = _LEFT + _WIDTH + 40
    head = []
    out, body = head, out
    write(16, 28, "Firstring's cost as a fraction of the others'", 17, weight="bold")
    write(16, 48, f"CPU, and memory in mid-handshake; measured {results['facts']['date']}. Shorter is better; the line is as much as the peer.", 12, "#555")
    x = 16
    for peer in peers:
        head.append(f'<rect x="{x}" y="62" width="12" height="12" fill="{_COLOURS[peer]}"/>')
        write(x + 18, 72, f"of {TITLES[peer]} as packaged")
        x += 185
    head.append(f'<rect x="{x}" y="61" width="2.5" height="14" fill="#111"/>')
    write(x + 9, 72, "of the same at its best")
    head.append(f'<line x1="{one:.1f}" y1="{_TOP}" x2="{one:.1f}" y2="{y}" stroke="#999" stroke-dasharray="4 3"/>')
    write(one, y + 14, "1.0", 11, "#555", anchor="middle")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        'aria-label="Ratios of CPU and memory, Firstring to its peers">\n'
        f'<rect width="{width}" height="{height}" fill="#fcfcfa"/>\n' + "\n".join(head + body) + "\n</svg>\n"
    )


def write_page(results, page, svg):
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text(results)}\n\n{END}{after}")
    svg.write_text(chart(results))
