/* Tally: what happened, so that a run can say that it has seen it all; and what can be broken on purpose. */
#ifndef GARNER_SIM_CLUSTER_TALLY_H
#define GARNER_SIM_CLUSTER_TALLY_H

#include <stdint.h>

#define SIM_CLUSTER_TALLY(X)                                                                                 \
    X(runs)                                                                                                  \
    X(events)                                                                                                \
    X(commits)                                                                                               \
    X(fenced)             /* commits that were to be, and the lease was over */                              \
    X(heartbeats)         /* that were heard */                                                              \
    X(refused_heartbeats) /* … and refused */                                                              \
    X(begun_new)          /* shards that were nobody's, given */                                             \
    X(promotions)         /* of followers in sync */                                                         \
    X(desperate)          /* … of others, once the grace time was over */                                  \
    X(given_up)           /* shards whose owner, and copies, are gone */                                     \
    X(went_back)          /* an owner with an older disk goes on */                                          \
    X(recovered)          /* shards */                                                                       \
    X(foreign)            /* shards that became so */                                                        \
    X(moves_queued)                                                                                          \
    X(moves_copying)                                                                                         \
    X(moves_sealing)                                                                                         \
    X(moves_done)                                                                                            \
    X(aborted_queued)                                                                                        \
    X(aborted_copying)                                                                                       \
    X(aborted_sealing)                                                                                       \
    X(in_sync)   /* followers that became so */                                                              \
    X(struck)    /* … and are not any more */                                                              \
    X(drops)     /* of copies */                                                                             \
    X(snapshots) /* taken by followers */                                                                    \
    X(fed)       /* snapshots taken by subscribers */                                                        \
    X(given)     /* changes, to subscribers */                                                               \
    X(waited)    /* for the mark: an answer that left something out */                                       \
    X(moved)     /* refusals … */                                                                          \
    X(compacted)                                                                                             \
    X(diverged)                                                                                              \
    X(future)                                                                                                \
    X(compactions) /* of logs */                                                                             \
    X(partitions)                                                                                            \
    X(lost) /* messages */                                                                                   \
    X(doubled)                                                                                               \
    X(late)                                                                                                  \
    X(lags)       /* of all that a worker says to the coordinator */                                         \
    X(kills)      /* of workers … */                                                                       \
    X(step_kills) /* … in the midst of something */                                                        \
    X(wiped)      /* … whose disks are lost */                                                             \
    X(restored)   /* … and older ones brought back */                                                      \
    X(stops)      /* SIGSTOP */                                                                              \
    X(terms)      /* SIGTERM */                                                                              \
    X(full)       /* disks */                                                                                \
    X(impostors)  /* second processes of a name */                                                           \
    X(coordinator_kills)                                                                                     \
    X(unwritten)  /* … after it decided, and before it wrote */                                            \
    X(unanswered) /* … after it wrote, and before it answered */                                           \
    X(coordinator_stops)                                                                                     \
    X(leaps) /* of its clock */                                                                              \
    X(states_lost)                                                                                           \
    X(states_older)                                                                                          \
    X(commands)                                                                                              \
    X(weighed) /* plans whose loads were looked at */                                                        \
    X(plans)   /* applied */                                                                                 \
    X(well)    /* runs that came to their end */

struct tally {
#define X(name) uint64_t name;
    SIM_CLUSTER_TALLY(X)
#undef X
};

/* Each by its name, and by what is so where it is broken. */
#define SIM_CLUSTER_GUARDS(X)                                                                                \
    X(NONE, "none", "")                                                                                      \
    X(LEASE_FENCE, "lease-fence", "a worker commits though its lease is over")                               \
    X(FOLLOW_FENCE, "follow-fence", "a follower tells what it has stored, likewise")                         \
    X(NO_PERSIST, "no-persist", "the coordinator answers before it writes")                                  \
    X(MARK, "mark", "subscribers are served up to the head")                                                 \
    X(HOLD, "hold", "an owner lets changes go that a follower in sync hasn't yet")                           \
    X(EARLY_RELEASE, "early-release", "an owner lets go of a follower before that was noted")                \
    X(STALE_ORDERS, "stale-orders", "a worker obeys older answers, and older versions")                      \
    X(SEAL, "seal", "a source commits after it was sealed")                                                  \
    X(BASE, "base",                                                                                          \
      "an owner's next process is told to own before it was looked at, and begins with what it has")         \
    X(GRACE, "grace", "who isn't heard is dead after half of its lease")                                     \
    X(DROP_BY_OMISSION, "drop-by-omission", "who is told nothing of a shard deletes its copy")               \
    X(DROP_UNCHECKED, "drop-unchecked", "copies are dropped before the new owner has begun")                 \
    X(NO_EPOCH_BUMP, "no-epoch-bump", "a move that is given up goes on in the epoch that was sealed")        \
    X(SAME_EPOCH, "same-epoch", "who takes over goes on in its predecessor's epoch")                         \
    X(BEHIND_PROMOTION, "behind-promotion", "a follower that isn't in sync is promoted at once")             \
    X(RASH_RESTART, "rash-restart", "a coordinator that begins anew waits for nobody")                       \
    X(ROLLBACK, "rollback", "an owner that was started anew goes on in its epoch")                           \
    X(WITNESS, "witness", "an owner that was started anew goes on though followers have more")               \
    X(OLD_WITNESS, "old-witness", "likewise, where what followers said before says that they haven't")       \
    X(OLD_WORD, "old-word", "what an owner says of followers counts for any version of the record")          \
    X(CORDON, "cordon", "shards are given to whoever is there")                                              \
    X(LOADS, "loads", "shards are placed as if all loads were alike")                                        \
    X(FOREIGN, "foreign", "copies that the state doesn't know of are overlooked")                            \
    X(LOST_STATE, "lost-state", "a state in the place of a lost one gives shards away before `recover`")     \
    X(EPOCH_CLOCK, "epoch-clock", "epochs of what is recovered go by what was heard only")

enum guard {
#define X(name, text, broken) GUARD_##name,
    SIM_CLUSTER_GUARDS(X)
#undef X
        GUARDS
};

#endif
