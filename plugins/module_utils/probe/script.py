# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell script that makes a probe's requests in a pod, with the tools of its image, and its output. Pure.

One run of the script makes all requests for all targets, because starting a process in a container (some 50 ms)
takes longer than the requests themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

# Nothing of a target is ever part of the script: it comes in positional parameters, which no shell expands again.
#   $1 mark   $2 seconds per request   $3 bytes of an answer   $4 seconds that a silent connection must stay open
#   then for each target: scheme host port path count; for tcp, the path is what to say first, as printf's %b takes it
# Before each request a line with the mark is printed on stdout; after it one on stderr, with the exit code and the
# times. The mark is random and not sent anywhere, so no answer can contain it. Times are /proc/uptime's, read without
# starting a process, in hundredths of a second; curl measures better and prints its own. For tcp it is a POP3 client,
# where the server speaks first: its telnet reads what to send, and after 0.1 s hears no more of a server that hangs up.
SCRIPT = r"""
mark=$1 max=$2 bytes=$3 hold=$4
shift 4
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
has() { command -v "$1" >/dev/null 2>&1; }
limit= wait="-T $max"
if has timeout && timeout 1 true 2>/dev/null; then limit="timeout $max" wait=; fi
longer=${limit:+timeout $((max + 2 * hold))}
raw='exec 3<>"/dev/tcp/$1/$2" || exit 7
printf "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n" "$3" "$1" >&3
while IFS= read -r -N 4096 part <&3 || [ -n "$part" ]; do printf %s "$part"; done'
open='for hello in "$4" ""; do
  exec 3<>"/dev/tcp/$1/$2" || exit 7
  printf %b "$hello" >&3
  read -r -t "$3" -n 1 byte <&3
  code=$?
  [ $code = 0 ] || [ $code -gt 128 ] && exit 0
  [ -n "$hello" ] || exit $code
done'
ask() {
  url=$1://$2:$3$4
  if has curl; then curl -qgsSik --path-as-is -m "$max" -w "\n$mark %{time_total}" "$url"
  elif has wget; then $limit wget -SO- -nv -t 1 $wait --no-check-certificate "$url"
  elif [ "$1" = https ]; then return 127
  elif has nc; then
    printf 'GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "$4" "$2" | $limit nc -w "$max" "$2" "$3"
  elif has bash; then $limit bash -c "$raw" bash "$2" "$3" "$4"
  else return 127
  fi
}
knock() {
  if has bash; then $longer bash -c "$open" bash "$2" "$3" "$hold" "$4"
  elif has curl; then curl -qsS -m "$hold" -w "\n$mark %{time_connect}" "pop3://$2:$3"
  elif has nc && [ -n "$4" ]; then
    byte=$(printf %b "$4" | $limit nc -w "$max" "$2" "$3")
    [ -n "$byte" ]
  else return 127
  fi
}
request() {
  read -r begin _ </proc/uptime
  if [ "$1" = tcp ]; then knock "$@"; else ask "$@"; fi
  code=$?
  read -r end _ </proc/uptime
  printf '\n%s %s %s %s\n' "$mark" "$code" "$begin" "$end" >&2
}
while [ $# -ge 5 ]; do
  left=$5
  while [ "$left" -gt 0 ]; do
    printf '\n%s\n' "$mark"
    if has head; then request "$@" | head -c "$bytes"; else request "$@"; fi
    left=$((left - 1))
  done
  shift 5
done
"""

ANSWER_BYTES = 16 * 1024
BODY_CHARACTERS = 2000
HTTP, TCP = "http", "tcp"

HOLD_SECONDS = 3
"""How long a connection stays open that no gateway has refused.

A gateway accepts a pod's connection before it knows whether it leads anywhere, and closes it when it does not. Envoy
waits 0.2 s for the decision and 1 s for the other gateway, which waits 1 s for the service (v0.4.1, xds/manager.go,
ConnectTimeout; the go data plane's DialTimeout).
"""

# Exit codes that mean more than "it failed": sh's for a command that is missing, timeout's for a time limit, and curl's
# for a connection that ended before anything came.
_NO_TOOL, _KILLED, _CURL_HUNG_UP = 127, 124, 56


@dataclass(frozen=True)
class Target:
    """The requests to one import.

    Attributes:
        scheme: C(http), C(https) (the service's certificate is not verified) or C(tcp).
        host: The name that a client uses.
        port: The port.
        path: The path and query, C(/) for C(tcp); characters that are not valid in a URL are encoded.
        count: How many requests, one after another.
        hello: For C(tcp): what to say to the server so that it answers, as C(printf %b) takes it; empty for nothing.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"
    count: int = 1
    hello: str = ""

    @property
    def url(self) -> str:
        """The address as people write it."""
        return f"{self.scheme}://{self.host}:{self.port}{'' if self.scheme == TCP else self.encoded_path}"

    @property
    def encoded_path(self) -> str:
        """The path with all characters encoded that would end a URL or a header line."""
        return quote(self.path, safe="/?&=%:@!$'()*+,;~[]")


@dataclass(frozen=True)
class Answer:
    """The result of one request.

    Attributes:
        answered: There was an HTTP response, with any status; for C(tcp) the connection was accepted and not closed at
            once.
        status: The response's status; None without a response.
        body: The first C(BODY_CHARACTERS) of its body.
        seconds: Its duration.
        error: Why it was not answered.
        text: The whole body as far as it was read, to search in.
    """

    answered: bool
    status: int | None = None
    body: str = ""
    seconds: float = 0.0
    error: str = ""
    text: str = ""

    def as_dict(self) -> dict[str, object]:
        """The answer as a module returns it."""
        return {
            "answered": self.answered,
            "status": self.status,
            "body": self.body,
            "seconds": round(self.seconds, 4),
            "error": self.error,
        }


class NoToolError(Exception):
    """The image has a shell, but no tool to make the request."""


def command(
    targets: Sequence[Target],
    mark: str,
    timeout: int,
    *,
    hold: int = HOLD_SECONDS,
    answer_bytes: int = ANSWER_BYTES,
) -> list[str]:
    """The command line that makes all requests.

    Args:
        targets: The requests, in this order.
        mark: A new random word; see C(SCRIPT).
        timeout: Seconds for one request.
        hold: Seconds that a silent connection must stay open.
        answer_bytes: Bytes to keep of an answer.
    """
    words = ["sh", "-c", SCRIPT, "probe", mark, str(timeout), str(answer_bytes), str(hold)]
    for target in targets:
        said = target.hello if target.scheme == TCP else target.encoded_path
        words += [target.scheme, target.host, str(target.port), said, str(target.count)]
    return words


def longest(targets: Sequence[Target], timeout: int) -> float:
    """The seconds that all requests take at most."""
    return sum(each.count * (timeout + 1 + (2 * HOLD_SECONDS if each.scheme == TCP else 0)) for each in targets)


def parse(stdout: str, stderr: str, targets: Sequence[Target], mark: str) -> list[list[Answer]]:
    """The answers to each target, from the script's output.

    Args:
        stdout: All of it, or the part that was printed when the time was over.
        stderr: The same.
        targets: As given to C(command).
        mark: As given to C(command).

    Raises:
        NoToolError: No tool of the image can make such a request.
    """
    outputs = iter(stdout.split(f"\n{mark}\n")[1:])
    records = re.finditer(rf"(.*?)\n{mark} (\d+) ([\d.]+) ([\d.]+)\n", stderr, re.DOTALL)
    answers: list[list[Answer]] = []
    for target in targets:
        answers.append([])
        for _request in range(target.count):
            record, output = next(records, None), next(outputs, "")
            if record is None:
                answers[-1].append(Answer(answered=False, error="no answer when the time was over"))
                continue
            code, elapsed = int(record[2]), float(record[4]) - float(record[3])
            if code == _NO_TOOL:
                raise NoToolError
            output, measured = _own_time(output, mark)
            if target.scheme == TCP:
                answers[-1].append(_tcp(output, record[1], code, elapsed, measured))
            else:
                answers[-1].append(_http(output, record[1], code, elapsed if measured is None else measured))
    return answers


def _own_time(output: str, mark: str) -> tuple[str, float | None]:
    """The output without the seconds that curl appends, and these seconds."""
    rest, found, seconds = output.rpartition(f"\n{mark} ")
    return (rest, float(seconds)) if found else (output, None)


def _http(output: str, errors: str, code: int, seconds: float) -> Answer:
    """curl, nc and bash print the whole response; wget prints the body, and the head between its messages."""
    status, body = None, output
    while match := re.match(r"HTTP/[\d.]+ (\d{3}).*?(?:\r?\n\r?\n|$)", body, re.DOTALL):
        status, body = int(match[1]), body[match.end() :]
        if status >= 200:  # noqa: PLR2004  # 1xx announces another head
            break
    if status is None and (match := re.search(r"HTTP/[\d.]+ (\d{3})", errors)):
        status = int(match[1])
    if status is None:
        error = "the server does not speak HTTP" if output else _reason(errors, code)
        return Answer(answered=False, seconds=seconds, error=error)
    return Answer(answered=True, status=status, body=body[:BODY_CHARACTERS], seconds=seconds, text=body)


def _tcp(output: str, errors: str, code: int, elapsed: float, connected_in: float | None) -> Answer:
    """bash ends well when the connection stayed open or something came; curl, which says when it was connected, badly
    by its time limit or by what came. One code of it says that the server has hung up."""
    if connected_in is None:
        answered, seconds = code == 0, elapsed
    else:
        answered, seconds = connected_in > 0 and code != _CURL_HUNG_UP, connected_in
    error = "" if answered else _reason(errors, code)
    return Answer(answered=answered, seconds=seconds, error=error, body=output[:BODY_CHARACTERS], text=output)


def _reason(errors: str, code: int) -> str:
    """Why there was no answer: the tool's last message, if any."""
    if code == _KILLED:
        return "no answer in time"
    words = [line.strip() for line in errors.splitlines() if line.strip()]
    return words[-1] if words else "the connection was closed without an answer"
