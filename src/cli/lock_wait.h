/*
 * lock_wait.h - a start right after a kill: the former server's last tools still hold the lock.
 *
 * Who is there is told by the process id in the lock file. A server that is being killed has a
 * second to be gone; one that lives is not waited for, only the end of a dead one's launcher,
 * which needs as long as the kernel needs to kill the tools.
 */
#ifndef CLI_LOCK_WAIT_H
#define CLI_LOCK_WAIT_H

/* 1: the lock at that path was free for a moment; 0: its server lives, or the time is over. */
int lock_wait(const char *path, unsigned seconds);

#endif
