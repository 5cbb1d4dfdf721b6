"""The ledger as the tests read it: straight from its database, which costs a millisecond and waits for nothing.

`firstring ledger` starts a program and waits for the server's last rows; what it prints is tested in test_commands.py and
test_ledger_reports.py, one of them against what this module reads.
"""

import contextlib
import datetime
import json
import pathlib
import sqlite3

_STEPS = ("hello_us", "server_flight_us", "client_flight_us", "handshake_us", "queued_us", "rtt_us", "phone_cpu_us")
_FLAGS = ("resumed", "quarantined", "asked_renegotiation")
_INTERNAL = ("written", "standing", "failed")


def _time(micros):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds") + "Z"


def _request(row):
    found = {name: value for name, value in row.items() if name not in _INTERNAL and name != "connection"}
    found["time"] = _time(found.pop("at"))
    found["requested_device"] = found.pop("device")
    found["target_length"] = found["target_length"] or len(found["target"].encode())
    return found


def _connection(row, requests):
    found = {name: value for name, value in row.items() if name not in _INTERNAL}
    found["connection"] = found.pop("id")
    found["time"] = _time(found.pop("accepted"))
    found["hello_length"] = found["hello_length"] or len(found["hello"])
    found["hello"] = found["hello"].hex()
    found["verdict_errors"] = json.loads(found["verdict_errors"])
    found["certificate"] = found.pop("sha256") or ""
    found["certificate_subject"] = found.pop("subject") or ""
    found["certificate_issuer"] = found.pop("issuer") or ""
    for name in _STEPS:
        found[name] = None if found[name] < 0 else found[name]
    for name in _FLAGS:
        found[name] = found[name] == 1
    found["server_name_matches"] = {-1: None, 0: False, 1: True}[found["server_name_matches"]]
    if found["alert_code"] < 0:
        del found["alert_code"]
    if requests:
        found.update({name: value for name, value in requests[-1].items() if name != "time"})
    found["requests"] = requests
    return found


def read(folder, *addresses):
    """The connections of a state folder, or those of these peers, in the order of time, by the names of
    `firstring ledger --json`: all but `explanation` and `remedy`. No ledger yet: none."""
    file = pathlib.Path(folder) / "ledger.db"
    if not file.is_file():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
        database.text_factory = lambda octets: octets.decode("utf-8", "replace")
        database.row_factory = lambda cursor, row: dict(zip((column[0] for column in cursor.description), row))
        database.execute("BEGIN")  # both tables as they are at one time
        if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'request'").fetchone():
            return []  # it is being made
        where, chosen = "", ()
        if addresses:
            where, chosen = f"WHERE address IN ({','.join('?' * len(addresses))})", addresses
        connections = database.execute(
            "SELECT connection.*, certificate.sha256, certificate.subject, certificate.issuer FROM connection "
            f"LEFT JOIN certificate ON certificate.id = connection.certificate {where} "
            "ORDER BY connection.accepted, connection.id",
            chosen,
        ).fetchall()
        requests = {}
        wanted = "SELECT * FROM request" if not addresses else f"SELECT * FROM request WHERE connection IN (SELECT id FROM connection {where})"
        for row in database.execute(f"{wanted} ORDER BY at, written", chosen):
            requests.setdefault(row["connection"], []).append(_request(row))
        return [_connection(row, requests.get(row["id"], [])) for row in connections]
