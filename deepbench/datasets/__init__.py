"""One file per data set: a card and the function that lists its videos.

Such a file defines
    CARD: what the data set is, its official layout and counts
    SPLITS_ARE_DISJOINT: True if one cluster_id in two splits is a fault and not the official split
    list_videos(root): every video of the layout, sorted by video_id
    notes(root, rows): plain sentences on what differs from the official data set
and, where they are needed,
    official(rows): the counts that apply to these rows, if not all of CARD.counts do
    FAKES: published numbers of fakes per split, where CARD.counts cannot name their methods
    gaps(root, rows): what is missing inside of videos (core/gaps.py)
and is the only place that looks at folder names.
"""
