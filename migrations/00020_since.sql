-- Since when somebody is in a group; 0: since before that was known. To whom a message went is told by it.
alter table group_members add column since bigint not null default 0;
