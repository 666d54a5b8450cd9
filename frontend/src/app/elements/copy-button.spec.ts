import { beforeEach, describe, expect, it } from '@jest/globals';
import { type ComponentFixture, TestBed } from '@angular/core/testing';
import { CopyButton } from './copy-button.ts';

describe('a button that copies, where the page has no clipboard', () => {
  let fixture: ComponentFixture<CopyButton>;
  const button = (): HTMLButtonElement => {
    const found = (fixture.nativeElement as HTMLElement).querySelector('button');
    if (found === null) throw new Error('no button');
    return found;
  };
  const press = async (worked: boolean): Promise<void> => {
    document.execCommand = () => worked;
    button().focus();
    button().click();
    await Promise.resolve();
    await Promise.resolve();
    fixture.detectChanges();
  };

  beforeEach(() => {
    fixture = TestBed.createComponent(CopyButton);
    fixture.componentRef.setInput('text', 'nginx:1.27');
    fixture.componentRef.setInput('what', 'the reference');
    document.body.append(fixture.nativeElement as HTMLElement);
    fixture.detectChanges();
  });

  it('keeps the focus', async () => {
    await press(true);
    expect(document.activeElement).toBe(button());
    expect(button().textContent).not.toContain('Not copied');
  });

  it('says where the browser refuses', async () => {
    await press(false);
    expect(button().textContent).toContain('Not copied: select the text');
  });
});
