/*
 * lock_wait.h - a start right after a kill: the former server's last tools still hold the lock.
 *
 * Who is there is told by the process id in the lock file. That server's own life is not waited
 * for, only the end of its launcher, which needs as long as the kernel needs to kill the tools.
 */
#ifndef CLI_LOCK_WAIT_H
#define CLI_LOCK_WAIT_H

/* 1: the lock at that path was free for a moment; 0: its server lives, or the time is over. */
int lock_wait(const char *path, unsigned seconds);

#endif
