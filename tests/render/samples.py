"""Explanations made by hand for the drawing tests: the paper's two cases, and the awkward ones."""

from __future__ import annotations

from upgan.explain.explanation import (
    ContextEdge,
    EvidencePath,
    Explanation,
    Node,
    Query,
    Role,
    UserPath,
    UserShare,
)
from upgan.explain.reason import Reason

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "a \"quoted\" href='javascript:x' & more",
    "**bold** [link](https://evil.example) `code` $x$ :red[text]",
    "كتاب ألف ليلة وليلة",
    "\u202egnp.exe\x1b[31m\x00\ud800 end",
)


def node(name: str, role: Role = "entity", layer: int = 1, kind: str = "book", id: str | None = None) -> Node:
    return Node(id or name, name, role, layer, "user" if role == "user" else kind)


def bargain(*, simulated: bool = True, known: str | None = None) -> Explanation:
    """Case one of Fig. 4: a sparse book, its five readers, two other books of the same author."""
    target = node("Part of the Bargain", "target")
    answer = node("Linda Lael Miller", "answer", 2, "author")
    flakes, kate = node("Snowflakes on the Sea"), node("Just Kate")
    users = [node(name, "user", 0) for name in ("77OC0", "7VLI5", "A1X2", "B9Q1", "C3D4")]
    weights = [0.31, 0.22, 0.12, 0.06, 0.04]
    contributions = [0.52, -0.11, 0.2, 0.05, 0.0]
    shares = [UserShare(user.id, w, c) for user, w, c in zip(users, weights, contributions, strict=True)]
    shares += [UserShare(f"X{i}", 0.25 / 18, 0.01) for i in range(18)]
    total = sum(share.contribution for share in shares)
    evidence = [
        EvidencePath((answer, book, user), ("author⁻¹", "interacted"), (1 / 3, 1 / (index + 2)))
        for index, (book, user) in enumerate(
            [(flakes, users[0]), (flakes, users[1]), (kate, users[0]), (kate, users[2])]
        )
    ]
    return Explanation(
        query=Query(target.id, "author", None),
        target=target,
        answer=answer,
        relation_label="author",
        inverse=False,
        score=2.5 + total,
        rank=1,
        filtered_rank=1.0,
        score_without_users=2.5,
        rank_without_users=14,
        filtered_rank_without_users=14.0,
        known=known,  # type: ignore[arg-type]
        users=tuple(shares),
        answer_users=(),
        paths=tuple(
            UserPath((user, target), ("interacted",), (weight,), weight)
            for user, weight in zip(users, weights, strict=True)
        ),
        evidence=tuple(evidence),
        context=(
            ContextEdge(flakes, answer, "author"),
            ContextEdge(kate, answer, "author"),
            ContextEdge(users[3], kate, "interacted"),
        ),
        residual=1e-9,
        effective_users=5.4,
        top_users=5,
        run_fingerprint="ab12cd34ef56ab78",
        dataset_fingerprint="0123456789abcdef",
        simulated_users=simulated,
    )


def riftwar(items: int = 6, users: int = 5, labels: tuple[str, ...] = ()) -> Explanation:
    """Case two: a series two hops from its readers; the query runs against the relation."""
    target = node("The Riftwar Cycle", "target", 2, "series")
    answer = node("The Serpentwar Saga", "answer", 2, "series")
    names = labels or (
        "Magician", "Silverthorn", "A Darkness at Sethanon", "Prince of the Blood", "The King's Buccaneer",
        "Krondor: The Betrayal", "Honoured Enemy", "Murder in LaMut", "Jimmy the Hand", "Faerie Tale",
    )  # fmt: skip
    books = [node(names[i % len(names)], id=f"b{i}") for i in range(items)]
    right = [node(f"Serpent book {i}", id=f"s{i}") for i in range(4)]
    readers = [node(f"R{i:03}", "user", 0) for i in range(users)]
    paths, evidence = [], []
    for i, book in enumerate(books):
        for j in range(3):
            reader = readers[(i + 2 * j) % users]
            alphas = (round(0.5 / (j + 1), 3), round(1 / items, 3))
            paths.append(UserPath((reader, book, target), ("interacted", "series"), alphas, alphas[0] * alphas[1]))
    for i, book in enumerate(right):
        reader = readers[(i * 3) % users]
        evidence.append(EvidencePath((answer, book, reader), ("series⁻¹", "interacted"), (0.25, 0.2)))
    weight = {reader.id: sum(p.weight for p in paths if p.nodes[0] == reader) for reader in readers}
    total = sum(weight.values())
    shares = sorted((UserShare(u, w / total, 0.1 * w) for u, w in weight.items()), key=lambda share: -share.weight)
    phi = sum(share.contribution for share in shares)
    return Explanation(
        query=Query(None, "series", target.id),
        target=target,
        answer=answer,
        relation_label="has sub-series",
        inverse=True,
        score=-0.4 + phi,
        rank=2,
        filtered_rank=1.5,
        score_without_users=-0.4,
        rank_without_users=2,
        filtered_rank_without_users=2.0,
        known="train",
        users=tuple(shares),
        answer_users=(),
        paths=tuple(paths),
        evidence=tuple(evidence),
        context=tuple(ContextEdge(book, target, "part_of_series") for book in books[:2]),
        residual=0.0,
        effective_users=4.2,
        top_users=users,
    )


def unreachable() -> Explanation:
    """No user reaches the target: nothing but known facts to draw."""
    target = node("Lonely Book", "target", -1)
    answer = node("Nobody", "answer", -1, "author")
    genre = node("Poetry", "entity", -1, "genre")
    return Explanation(
        query=Query(target.id, "author", None),
        target=target,
        answer=answer,
        relation_label="author",
        inverse=False,
        score=-1.2,
        rank=40,
        filtered_rank=40.0,
        score_without_users=-1.2,
        rank_without_users=40,
        filtered_rank_without_users=40.0,
        known=None,
        users=(),
        answer_users=(),
        paths=(),
        evidence=(),
        context=(ContextEdge(target, genre, "genre"), ContextEdge(answer, genre, "genre")),
        residual=0.0,
        effective_users=0.0,
        top_users=5,
    )


def hostile() -> Explanation:
    """Case two with labels that try to be markup, scripts, terminal codes and mirror writing."""
    base = riftwar(items=len(HOSTILE), labels=HOSTILE)
    values = {**base.__dict__, "target": Node("t", HOSTILE[1], "target", 2, HOSTILE[0]), "relation_label": HOSTILE[0]}
    values["answer"] = Node("</script>", HOSTILE[2], "answer", 2, "")
    swap = {base.target: values["target"], base.answer: values["answer"]}
    values["paths"] = tuple(
        UserPath(tuple(swap.get(n, n) for n in p.nodes), p.relations, p.alphas, p.weight) for p in base.paths
    )
    values["evidence"] = tuple(
        EvidencePath(tuple(swap.get(n, n) for n in p.nodes), p.relations, p.coefficients) for p in base.evidence
    )
    values["context"] = tuple(
        ContextEdge(swap.get(e.source, e.source), swap.get(e.target, e.target), "</script>") for e in base.context
    )
    return Explanation(**values)


def counted(*, users: int = 24, agree: int = 16, answer: str = "Linda Lael Miller") -> Reason:
    """Counts behind case one."""
    return Reason(
        "Part of the Bargain", "author", answer, False, users, agree, 2, 0.05, 3, 2, ("genre", "Romance"), False
    )
