-- Every new job asks how many of its project are under way; those that are over must cost it nothing.
create index job_running on job (project_id) where state = 'running';
